"""Runs begin here, whichever door they come through."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from events.flow.steps import MACHINE
from events.vocabulary import identify, run_id
from functions.host.ledger.rows import FlowRow, RunRow, RunStatus

if TYPE_CHECKING:
    from functions.host.assembly import Platform
    from functions.host.emitting import Opened
    from functions.host.ledger.rows import Letter

_TRACE: Final = re.compile(r"00-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")


async def start(
    platform: Platform,
    flow: FlowRow,
    value: Any,
    *,
    door: str,
    source: str,
    key: str,
    trace: str,
    redrives: Letter | None = None,
) -> tuple[RunRow, Opened]:
    """Start a run, or find the one that the same door, source and key started before.

    `trace` is the starter's traceparent, or empty. The caller emits what is open. `redrives` is
    an open dead letter, whose run the new one takes over from.
    """
    identity = run_id(flow.namespace, flow.name, door, source, key)
    match = _TRACE.fullmatch(trace)
    run = RunRow(
        id=identity,
        digest=flow.digest,
        namespace=flow.namespace,
        name=flow.name,
        version=flow.version,
        machine=MACHINE,
        status=RunStatus.RUNNING,
        input=await platform.blobs.pack(value, identity),
        output=None,
        error=None,
        started_at=platform.clock(),
        ended_at=None,
        trace=match[1] if match else identify("trace", identity),
        origin=redrives.run if redrives else None,
    )
    return await platform.settler.start(run, redrives.id if redrives else None)
