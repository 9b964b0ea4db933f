"""Why an expected event is missing: what the platform's broker and services say of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from knative.cli.trail import REQUESTED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from knative.cli.client import Platform


def reasons(platform: Platform, hops: Sequence[dict[str, Any]]) -> dict[str, str]:
    """Return for each hop that is missing, by its instance, what is known of why.

    Only the local platform tells of its Triggers; elsewhere the ledger's own reason stands.
    """
    missing = [hop for hop in hops if hop.get("missing")]
    return {hop["instance"]: _reason(platform, hop) for hop in missing}


def _reason(platform: Platform, hop: dict[str, Any]) -> str:
    known = str(hop["missing"]["reason"])
    asked = _matches(platform, hop)
    if asked is None:
        return known
    takers = [each for each in asked if each["matches"]]
    if not takers:
        return f"{known}; no Trigger is for {hop['tool']} {_major(hop)}: is it deployed?"
    return "; ".join([known, *(_state(each) for each in takers)])


def _matches(platform: Platform, hop: dict[str, Any]) -> list[dict[str, Any]] | None:
    """Ask the broker which Triggers such an event would go to; None where it cannot be asked."""
    event = {
        "specversion": "1.0",
        "id": hop["instance"],
        "source": "/tendril/trace",
        "type": REQUESTED,
        "tool": hop["tool"],
        "major": _major(hop),
    }
    headers = {"content-type": "application/cloudevents+json"}
    reply = platform.ask("POST", "/triggers", json.dumps(event).encode(), headers)
    if reply.status != 200:  # noqa: PLR2004 - OK
        return None
    found: list[dict[str, Any]] = reply.json()["triggers"]
    return found


def _major(hop: dict[str, Any]) -> str:
    return str(hop["version"] or "").partition(".")[0]


def _state(trigger: dict[str, Any]) -> str:
    said = f"Trigger {trigger['name']}: {trigger['waiting']} waiting, {trigger['active']} under way"
    trouble = trigger.get("trouble")
    return f"{said}, the last failure: {trouble['reason']} ({trouble['at']})" if trouble else said
