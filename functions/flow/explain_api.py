"""Why an event does, or does not, start runs and reach those that listen; nothing is done."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, Literal

import orjson
from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from events.envelope import EnvelopeError, parse, to_structured
from events.flow.correlate import failure, filter_of, values_of
from events.flow.listening import shapes_of
from events.flow.starters import ends, filters_of, gathers_until, keys_of
from events.vocabulary import LIFECYCLE_PREFIXES, OWN_PREFIX
from functions.host.assembly import Platform  # noqa: TC001 - FastAPI reads the annotation
from functions.host.endpoint import read_body
from functions.host.faults import Refused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from events.flow.steps import Evaluate
    from events.flow.syntax import Flow
    from events.flow.syntax.event import EventFilter
    from functions.host.deployed import Deployed

router = APIRouter()
Waits = Literal["start", "gather", "until", "listen"]
_EVENT: dict[str, Any] = {
    "requestBody": {"content": {"application/cloudevents+json": {"schema": {"type": "object"}}}}
}


_UNCORRELATED: Final = "a correlation key has no value in it, or not the expected one"


class WaiterView(BaseModel):
    """Something of a flow that waits for events."""

    flow: str
    waits: Waits = Field(
        description="to start a run, to be gathered for one, to end a gathering, or in a task"
    )
    filter: dict[str, Any]
    matches: bool
    reason: str | None = Field(None, description="what of the event does not pass")
    correlation: dict[str, Any] = Field(
        {}, description="the values that the event has for the correlation keys"
    )
    together: int = Field(1, description="how many events, this one included, start a run together")


class ExplainView(BaseModel):
    """What an event would do."""

    ignored: str | None = Field(None, description="why no flow is asked at all")
    flows: list[WaiterView]


@router.post("/explain", openapi_extra=_EVENT)
async def explain(request: Request) -> ExplainView:
    """Tell which flows a structured CloudEvent would start or tell, and which not, and why."""
    platform: Platform = request.app.state.platform
    document = _document(await read_body(request.receive))
    if document["type"].startswith((OWN_PREFIX, *LIFECYCLE_PREFIXES)):
        return ExplainView(ignored="the platform's own events open no door", flows=[])
    newest = {(row.namespace, row.name): row for row in await platform.ledger.flows()}
    deployed = [await platform.deployments.get(row.digest) for row in newest.values()]
    return await asyncio.to_thread(_explained, deployed, document, platform.jq.evaluate)


def _document(body: bytes) -> dict[str, Any]:
    try:
        event = parse([("content-type", "application/cloudevents+json")], body)
    except EnvelopeError as error:
        raise Refused(400, "Not a CloudEvent", str(error)) from error
    document: dict[str, Any] = orjson.loads(to_structured(event)[1])
    return document


def _explained(
    deployed: list[Deployed], document: dict[str, Any], evaluate: Evaluate
) -> ExplainView:
    found = [each for one in deployed for each in _waiters(one, document, evaluate)]
    return ExplainView(flows=sorted(found, key=lambda each: (not each.matches, each.flow)))


def _waiters(one: Deployed, document: dict[str, Any], evaluate: Evaluate) -> Iterator[WaiterView]:
    on = one.flow.schedule.on if one.flow.schedule else None
    starts = filters_of(one.flow)
    together = len(starts) if on and on.all is not None else 1
    for number, wanted in enumerate(starts):
        values, reason = keys_of(wanted, document, evaluate), failure(wanted, document, evaluate)
        yield _view(one, _waits(one.flow, number), wanted, values, reason, together)
    for shape in shapes_of(one.flow):
        wanted = filter_of(shape.filter)
        reason = failure(wanted, document, evaluate)
        values = None if reason else values_of(wanted, document, evaluate)
        yield _view(one, "listen", wanted, values, reason)


def _waits(flow: Flow, number: int) -> Waits:
    """Return what one of the filters of `schedule.on` is for."""
    if not gathers_until(flow):
        return "start"
    return "until" if ends(flow, number) else "gather"


def _view(
    one: Deployed,
    waits: Waits,
    wanted: EventFilter,
    values: dict[str, Any] | None,
    reason: str,
    together: int = 1,
) -> WaiterView:
    return WaiterView(
        flow=one.row.called,
        waits=waits,
        filter=wanted.definition(),
        matches=values is not None,
        reason=None if values is not None else reason or _UNCORRELATED,
        correlation=values or {},
        together=together,
    )
