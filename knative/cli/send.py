"""`tendril send`: one event to the broker."""

import uuid
from typing import TYPE_CHECKING, Annotated, Any

import typer

from knative.cli import options
from knative.cli.address import find
from knative.cli.client import Platform, segment
from knative.cli.console import emit, say
from knative.cli.exits import UsageError
from knative.cli.values import contents, given

if TYPE_CHECKING:
    from events.envelope import Event as CloudEvent

STRUCTURED = "application/cloudevents+json"


Event = Annotated[
    str | None,
    typer.Argument(
        metavar="[EVENT]",
        help="A whole structured CloudEvent: JSON, @file or - (stdin).",
        show_default=False,
    ),
]
Type = Annotated[str | None, typer.Option("--type", help="The event's type.")]
Source = Annotated[str, typer.Option(help="The event's source, a URI.")]
Data = Annotated[str | None, typer.Option(help="The event's data: JSON, @file or - (stdin).")]
Id = Annotated[str | None, typer.Option("--id", help="The event's id. Default: a new one.")]
Subject = Annotated[str | None, typer.Option(help="What the event is about.")]
Ext = Annotated[list[str] | None, typer.Option("--ext", metavar="KEY=VALUE", help="An extension.")]


def send(
    event: Event = None,
    type_: Type = None,
    source: Source = "/tendril/cli",
    data: Data = None,
    id_: Id = None,
    subject: Subject = None,
    ext: Ext = None,
    to: Annotated[str, typer.Option(metavar="NAMESPACE/BROKER", help="The broker.")] = (
        "default/default"
    ),
    json: options.Json = False,
) -> None:
    """Send one CloudEvent to the broker, which keeps it before it answers."""
    made = given_event(event, type_, source, id_, data, subject, ext)
    post(Platform(find().url), made, to)
    said = {"id": made.id, "source": made.source, "type": made.type}
    emit(said, compact=True) if json else say(f"accepted {made.type} {made.source} {made.id}")


def given_event(
    event: str | None,
    type_: str | None,
    source: str,
    id_: str | None,
    data: str | None,
    subject: str | None,
    ext: list[str] | None,
) -> "CloudEvent":
    """Return the event that options give, or a whole one; UsageError where they do not."""
    if (event is None) == (type_ is None):
        raise UsageError("give --type and the other attributes, or one whole event")
    if event is not None:
        return _whole(event)
    attributes = {**_extensions(ext or []), **({"subject": subject} if subject else {})}
    return _made(str(type_), source, id_ or str(uuid.uuid4()), data, attributes)


def post(platform: Platform, event: "CloudEvent", to: str = "default/default") -> None:
    """Put an event on the broker `to` (namespace/broker); durably stored on return."""
    from events.envelope import to_structured  # lazy: the CloudEvents SDK

    namespace, slash, broker = to.partition("/")
    if not (slash and namespace and broker):
        raise UsageError(f"--to '{to}': expected NAMESPACE/BROKER")
    headers, body = to_structured(event)
    platform.post(f"/{segment(namespace)}/{segment(broker)}", body, headers)


def _made(
    type_: str, source: str, id_: str, data: str | None, more: dict[str, Any]
) -> "CloudEvent":
    from events.envelope import EnvelopeError, create  # lazy: the CloudEvents SDK

    payload = {} if data is None else {"data": given(data, "--data")}
    try:
        return create(id=id_, source=source, type=type_, **payload, **more)
    except EnvelopeError as error:
        raise UsageError(f"not a CloudEvent: {error}") from error


def _whole(text: str) -> "CloudEvent":
    from events.envelope import EnvelopeError, parse  # lazy: the CloudEvents SDK

    where, content = contents(text, "EVENT")
    try:
        return parse([("content-type", STRUCTURED)], content.encode())
    except EnvelopeError as error:
        raise UsageError(f"{where}: not a CloudEvent: {error}") from error


def _extensions(pairs: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not (equals and name):
            raise UsageError(f"--ext '{pair}': expected KEY=VALUE")
        found[name] = value
    return found
