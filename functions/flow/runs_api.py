"""Runs over HTTP: start, show, follow, cancel."""

from __future__ import annotations

import asyncio
import re
import uuid
from typing import TYPE_CHECKING, Annotated, Any

import orjson
from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import StreamingResponse

from functions.flow import records
from functions.flow.approvals import waiting
from functions.flow.flows_api import unknown_flow
from functions.flow.history_views import EntryView, entry_view
from functions.flow.phases import phased
from functions.flow.run_views import RunDetail, RunView, run_detail, run_view
from functions.flow.starting import start
from functions.flow.task_views import TasksView, heard_view, task_view
from functions.flow.trace_views import TraceView
from functions.flow.tracing import hops, overdue, totals
from functions.host.assembly import Platform  # noqa: TC001 - FastAPI reads the annotation
from functions.host.endpoint import read_body
from functions.host.faults import Refused
from functions.host.ledger.rows.run import ENDED, RunRow, RunStatus

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

router = APIRouter()
_END_KINDS = {"run.completed", "run.faulted", "run.cancelled"}
_LONGEST_WAIT = 240.0
_INPUT_BODY: dict[str, Any] = {"requestBody": {"content": {"application/json": {"schema": {}}}}}


@router.post("/flows/{namespace}/{name}/runs", status_code=202, openapi_extra=_INPUT_BODY)
async def start_run(
    request: Request,
    response: Response,
    namespace: str,
    name: str,
    version: str | None = None,
    prefer: Annotated[str, Header()] = "",
    idempotency_key: Annotated[str, Header()] = "",
    traceparent: Annotated[str, Header()] = "",
) -> RunView:
    """Start a run with the body as its input; `Prefer: wait=N` waits for its end."""
    platform: Platform = request.app.state.platform
    flow = await platform.ledger.flow_named(namespace, name, version)
    if flow is None:
        raise unknown_flow(namespace, name, version)
    value = _json(await read_body(request.receive))
    key = idempotency_key or uuid.uuid4().hex
    run, opened = await start(
        platform, flow, value, door="api", source="/api", key=key, trace=traceparent
    )
    await platform.emitter.emit(run, opened, reply=False)
    seconds = _seconds(prefer)
    if seconds and run.status not in ENDED:
        await request.app.state.watch.ended(run.id, seconds)
        run = await platform.ledger.run(run.id) or run
    response.status_code = 200 if run.status in ENDED and seconds else 202
    response.headers["Location"] = f"/runs/{run.id}"
    return await run_view(run, platform.blobs)


def _json(body: bytes) -> Any:
    if not body:
        return {}
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Refused(400, "Not JSON", f"the run's input must be JSON: {error}") from error


def _seconds(prefer: str) -> float:
    match = re.search(r"\bwait=(\d{1,6})\b", prefer)
    return min(float(match[1]), _LONGEST_WAIT) if match else 0.0


@router.get("/runs")
async def list_runs(
    request: Request,
    flow: str | None = None,
    status: RunStatus | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 50,
) -> dict[str, list[RunView]]:
    """List runs, the newest first; one that is `waiting` is not `running`."""
    platform: Platform = request.app.state.platform
    named = _flow_name(flow) if flow else None
    rows = await phased(
        platform, await platform.ledger.runs(flow=named, status=status, limit=limit)
    )
    views = [await run_view(row, platform.blobs) for row in rows]
    asked = await waiting(platform, [row.id for row in rows if row.ended_at is None])
    for view in views:
        view.approvals = asked.get(view.id, [])
    return {"runs": views}


def _flow_name(text: str) -> tuple[str, str]:
    namespace, slash, name = text.partition("/")
    if not slash:
        raise Refused(400, "Not a flow", f"flow is '{text}'; expected namespace/name")
    return namespace, name


@router.get("/runs/{run_id}")
async def show_run(request: Request, run_id: str) -> RunDetail:
    """Show a run, and what it waits for."""
    platform: Platform = request.app.state.platform
    known = await _known(platform, run_id)
    tasks = await platform.ledger.tasks(run_id, closed=False)
    run, *children = await phased(platform, [known, *await platform.ledger.children(run_id)])
    successors = await platform.ledger.successors(run_id)
    budget = await platform.ledger.budget(run.budget) if run.budget else None
    view = await run_detail(run, tasks, children, successors, budget, platform.blobs)
    if run.ended_at is None:
        view.approvals = (await waiting(platform, [run_id])).get(run_id, [])
    return view


@router.get("/runs/{run_id}/tasks")
async def show_tasks(request: Request, run_id: str) -> TasksView:
    """Show what tools were asked for, and what each answered; the first request first."""
    platform: Platform = request.app.state.platform
    run = await _known(platform, run_id)
    rows = await records.tasks_of(platform, run)
    heard = [await heard_view(row, platform.blobs) for row in rows]
    return TasksView(
        tasks=[await task_view(row, platform.blobs) for row in rows if row.tool],
        heard=[each for each in heard if each],
    )


@router.get("/runs/{run_id}/history")
async def show_history(request: Request, run_id: str, after: int = 0) -> dict[str, list[EntryView]]:
    """Show what happened, in order."""
    platform: Platform = request.app.state.platform
    run = await _known(platform, run_id)
    entries = await records.history_of(platform, run, after)
    return {"history": [entry_view(seq, entry) for seq, entry in entries]}


@router.get("/runs/{run_id}/trace")
async def show_trace(request: Request, run_id: str) -> TraceView:
    """Show a run as the causal tree of its hops, what each took, and what is missing."""
    platform: Platform = request.app.state.platform
    run, now = await _known(platform, run_id), platform.clock()
    rows = await records.tasks_of(platform, run)
    history = [entry for _, entry in await records.history_of(platform, run, 0)]
    grace = platform.settings.request_grace
    asked = {(row.tool, row.major) for row in rows if overdue(row, now, grace)}
    heard = {tool: await platform.ledger.progress(*tool) for tool in asked}
    found = hops(rows, history, heard, now, grace)
    return TraceView(run=await show_run(request, run_id), hops=found, totals=totals(found))


@router.get("/runs/{run_id}/events", response_class=StreamingResponse)
async def follow_run(
    request: Request, run_id: str, last_event_id: Annotated[int, Header()] = 0
) -> StreamingResponse:
    """Stream a run's history as server-sent events until it ends."""
    platform: Platform = request.app.state.platform
    run = await _known(platform, run_id)
    stream = _stream(platform, run, last_event_id)
    return StreamingResponse(stream, media_type="text/event-stream")


async def _stream(platform: Platform, run: RunRow, after: int) -> AsyncIterator[bytes]:
    pause, silent, ended = 0.01, 0.0, run.status in ENDED
    while True:
        entries = await records.history_of(platform, run, after)
        if ended and not entries:
            return  # a client that comes again after the last entry has seen all there is
        for seq, entry in entries:
            after = seq
            yield f"id: {seq}\ndata: {entry_view(seq, entry).model_dump_json()}\n\n".encode()
        if entries and entries[-1][1].kind in _END_KINDS:
            return
        pause, silent = (0.01, 0.0) if entries else (min(pause * 1.5, 0.2), silent + pause)
        if silent > 10:  # noqa: PLR2004 - seconds; keeps proxies from closing a quiet stream
            silent = 0.0
            yield b": still running\n\n"
        await asyncio.sleep(pause)


@router.post("/runs/{run_id}/cancel", status_code=202)
async def cancel_run(request: Request, run_id: str) -> RunView:
    """Cancel a run: its open tasks and the runs it awaits end with it; 409 when it ended before."""
    platform: Platform = request.app.state.platform
    run = await platform.ledger.cancel(run_id, platform.clock())
    if run is None:
        raise _unknown(run_id)
    if run.awaited:
        await request.app.state.clock.tick()  # its parent has been told
    if run.status is not RunStatus.CANCELLED:
        raise Refused(409, "Already ended", f"run {run_id} is {run.status}")
    return await run_view(run, platform.blobs)


@router.post("/runs/{run_id}/suspend", status_code=202)
async def suspend_run(request: Request, run_id: str) -> RunView:
    """Let a run go no further than what its tools are doing; 409 when it has ended."""
    platform: Platform = request.app.state.platform
    run = await platform.ledger.suspend(run_id, platform.clock())
    return await _steered(platform, run_id, run, RunStatus.SUSPENDED)


@router.post("/runs/{run_id}/resume", status_code=202)
async def resume_run(request: Request, run_id: str) -> RunView:
    """Let a suspended run go on from where it stands; 409 when it has ended."""
    platform: Platform = request.app.state.platform
    run = await platform.ledger.resume(run_id, platform.clock())
    await request.app.state.clock.tick()  # what the run has out is due: not only at the next sweep
    return await _steered(platform, run_id, run, RunStatus.RUNNING)


async def _steered(
    platform: Platform, run_id: str, run: RunRow | None, wanted: RunStatus
) -> RunView:
    if run is None:
        raise _unknown(run_id)
    if run.status is not wanted:
        raise Refused(409, f"Not {wanted}", f"run {run_id} is {run.status}")
    return await run_view(run, platform.blobs)


async def _known(platform: Platform, run_id: str) -> RunRow:
    run = await records.run_of(platform, run_id)
    if run is None:
        raise _unknown(run_id)
    return run


def _unknown(run_id: str) -> Refused:
    return Refused(404, "Unknown run", f"no run {run_id}; GET /runs lists them")
