"""Runs begin here, whichever door they come through."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from events.vocabulary import identify, run_id
from functions.host.beginning import beginning

if TYPE_CHECKING:
    from functions.host.assembly import Platform
    from functions.host.emitting import Opened
    from functions.host.ledger.rows.flow import FlowRow
    from functions.host.ledger.rows.run import RunRow

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
) -> tuple[RunRow, Opened]:
    """Start a run, or find the one that the same door, source and key started before.

    `trace` is the starter's traceparent, or empty. The caller emits what is open.
    """
    identity = run_id(flow.namespace, flow.name, door, source, key)
    match = _TRACE.fullmatch(trace)
    packed = await platform.blobs.pack(value, identity)
    trace = match[1] if match else identify("trace", identity)
    run = beginning(flow, identity, packed, platform.clock(), trace)
    return await platform.settler.start(run)
