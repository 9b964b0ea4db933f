"""`tendril explain`: whom an event would reach, and why it does not reach the others."""

import json as codec
from typing import Annotated, Any, Final

import typer

from events.vocabulary import LIFECYCLE_PREFIXES, OWN_PREFIX
from knative.cli import options
from knative.cli.address import find
from knative.cli.client import FLOW, Platform
from knative.cli.console import Styled, emit, say, table
from knative.cli.exits import UsageError
from knative.cli.send import STRUCTURED, Data, Event, Ext, Source, Subject, Type, given_event

YES, NO = Styled("yes", "green"), Styled("no", "red")
COLUMNS = ("", "who", "waits for", "why not")


def explain(
    event: Event = None,
    type_: Type = None,
    source: Source = "/tendril/cli",
    data: Data = None,
    subject: Subject = None,
    ext: Ext = None,
    unmatched: Annotated[
        bool,
        typer.Option("--unmatched", help="Explain the newest event that no flow waited for."),
    ] = False,
    json: options.Json = False,
) -> None:
    """Show which Triggers and flows an event would reach, and why not the others; send nothing."""
    platform = Platform(find().url)
    if unmatched:
        document = _newest_unmatched(platform)
    else:
        made = given_event(event, type_, source, None, data, subject, ext)
        document = _document(made)
    found = _asked(platform, document)
    if json:
        emit({"event": document, **found}, compact=True)
        return
    _print(document, found)


def _newest_unmatched(platform: Platform) -> dict[str, Any]:
    kept: list[dict[str, Any]] = platform.get(f"{FLOW}/unmatched", limit=1)["unmatched"]
    if not kept:
        raise UsageError("every event so far was waited for; give one to explain")
    return kept[0]


def _document(event: Any) -> dict[str, Any]:
    from events.envelope import to_structured  # lazy: the CloudEvents SDK

    document: dict[str, Any] = codec.loads(to_structured(event)[1])
    return document


def _asked(platform: Platform, document: dict[str, Any]) -> dict[str, Any]:
    """Ask the broker, where it is the local platform's, and the flows."""
    body, headers = codec.dumps(document).encode(), {"content-type": STRUCTURED}
    reply = platform.ask("POST", "/triggers", body, headers)
    triggers = reply.json()["triggers"] if reply.status == 200 else None  # noqa: PLR2004 - OK
    flows = platform.post(f"{FLOW}/explain", body, headers).json()
    return {"triggers": triggers, "flows": flows["flows"], "ignored": flows["ignored"]}


def _print(document: dict[str, Any], found: dict[str, Any]) -> None:
    say(f"{document['type']}  from {document['source']}")
    own = str(document["type"]).startswith((OWN_PREFIX, *LIFECYCLE_PREFIXES))
    rows = [_trigger(each) for each in found["triggers"] or () if own or not _is_tools(each)]
    rows += [_flow(each) for each in found["flows"]]
    rows.sort(key=lambda row: row[0] != YES)
    table(COLUMNS, rows, "no flow waits for events, and no Trigger is known")
    if found["ignored"]:
        say(f"no flow is asked: {found['ignored']}")
    elif not any(each["matches"] for each in found["flows"]):
        say("no flow waits for it: it would be kept as unmatched (GET /unmatched)")


def _is_tools(trigger: dict[str, Any]) -> bool:
    """Tell whether a Trigger is one of a tool: they hear hops and nothing else."""
    return f"type is '{OWN_PREFIX}" in trigger["filter"]


def _trigger(each: dict[str, Any]) -> tuple[object, ...]:
    return _mark(each), f"Trigger {each['name']}", each["filter"], each["reason"] or ""


def _flow(each: dict[str, Any]) -> tuple[object, ...]:
    wanted = codec.dumps(each["filter"]["with"], ensure_ascii=False)
    if each["correlation"]:
        wanted += f" with {codec.dumps(each['correlation'], ensure_ascii=False)}"
    verb = _VERBS[each["waits"]]
    together = f", as one of {each['together']}" if each["together"] > 1 else ""
    return _mark(each), f"{verb} {each['flow']}{together}", wanted, each["reason"] or ""


_VERBS: Final = {
    "start": "starts",
    "gather": "is gathered by",
    "until": "ends a gathering of",
    "listen": "listens:",
}
"""What an event that passes a filter does to a flow, by what the filter waits for."""


def _mark(each: dict[str, Any]) -> Styled:
    return YES if each["matches"] else NO
