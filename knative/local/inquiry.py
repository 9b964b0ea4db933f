"""`/triggers`: which Triggers there are, what they have to deliver, and whom an event would reach.

GET lists them; POST takes a structured CloudEvent, keeps nothing of it, and says of each Trigger
whether the event would go there, and by which attribute it would not.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Protocol

from starlette.responses import JSONResponse

from events.envelope import EnvelopeError, parse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request
    from starlette.responses import Response

    from events.envelope import Event
    from knative.local.stats import Judged

PATH: Final = "/triggers"
_PROBLEM: Final = "application/problem+json"


class Judges(Protocol):
    """What is needed of a broker."""

    def judge(self, event: Event | None) -> Sequence[Judged]:
        """Return every Trigger, and why the event would not go to it."""


class Inquiry:
    """Answers the requests."""

    def __init__(self, broker: Judges) -> None:
        self._broker = broker

    async def listed(self, _: Request) -> Response:
        """Return all Triggers."""
        return JSONResponse({"triggers": [_shown(each) for each in self._broker.judge(None)]})

    async def judged(self, request: Request) -> Response:
        """Say whom an event would reach; 400 where it is none."""
        try:
            event = parse([("content-type", "application/cloudevents+json")], await request.body())
        except EnvelopeError as error:
            problem = {"title": "Bad Request", "status": 400, "detail": f"no CloudEvent: {error}"}
            return JSONResponse(problem, 400, media_type=_PROBLEM)
        found = [_verdict(each) for each in self._broker.judge(event)]
        return JSONResponse({"triggers": found})


def _verdict(judged: Judged) -> dict[str, Any]:
    verdict = {"matches": not judged.failure, "reason": judged.failure or None}
    return {**_shown(judged), **verdict}


def _shown(judged: Judged) -> dict[str, Any]:
    trigger, load = judged.trigger, judged.load
    trouble = load.trouble
    at = datetime.fromtimestamp(trouble.at, UTC).isoformat(timespec="seconds") if trouble else ""
    return {
        "name": trigger.key,
        "broker": trigger.broker,
        "subscriber": trigger.subscriber,
        "filter": str(trigger.filter),
        "waiting": load.waiting,
        "active": load.active,
        "trouble": {"at": at, "reason": trouble.reason} if trouble else None,
    }
