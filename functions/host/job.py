"""One hop in a process of its own: that of the event which a JobSink put beside it.

The protocol is the service's (`hop.Worker.do`), but nobody delivers the event again while its Job
is there: what the claim of an earlier process still keeps from being done is waited for here, and
a failure is told by the exit status, upon which the Job starts this process again.

Source: knative/eventing `cmd/jobsink/main.go` (one Job for each source and id of an event).
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING

from events.envelope import parse
from events.vocabulary import read_hop
from functions.host.assembly import opened
from functions.host.context import Resources
from functions.host.egress import EgressPolicy, session
from functions.host.ledger.rows.task import TaskState
from functions.host.serve import worker
from functions.host.settings import Settings

if TYPE_CHECKING:
    from events.envelope import Event
    from events.vocabulary import Hop
    from functions.host.ledger import Ledger
    from functions.host.tool import Tool

log = logging.getLogger(__name__)
_UNDONE = frozenset({TaskState.REQUESTED, TaskState.CLAIMED})


def run(described: Tool) -> int:
    """Do the hop; return 0 once nothing of it is left to do, 1 where it must be tried again."""
    try:
        asyncio.run(_stoppable(described))
    except asyncio.CancelledError:
        log.warning("stopped before the task was done")
        return 1
    except Exception:
        log.exception("the task is not done")
        return 1
    return 0


async def _stoppable(described: Tool) -> None:
    # the first process of a container is deaf to SIGTERM unless it listens
    doing = asyncio.ensure_future(do(described, _given()))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, doing.cancel)
    await doing


def _given() -> Event:
    body = Path(os.environ["K_EVENT_PATH"], "event").read_bytes()
    return parse([("content-type", "application/cloudevents+json")], body)


async def do(described: Tool, event: Event) -> None:
    """Do a hop to its end; what it raises means that it must be tried again."""
    settings, hop = Settings(), read_hop(event)
    async with (
        opened(settings) as platform,
        session(EgressPolicy.parse(settings.egress_allow)) as http,
        aclosing(Resources()) as resources,
    ):
        doing = worker(described, platform, http, resources)
        while True:
            reply = await doing.do(event)
            if reply is not None:
                await platform.sink.send([reply])
            if not await _undone(platform.ledger, hop):
                return
            await asyncio.sleep(settings.lease / 3)


async def _undone(ledger: Ledger, hop: Hop) -> bool:
    """Return whether this attempt still waits for a claim, or for one that died to run out."""
    work = await ledger.task(hop.run, hop.instance)
    return work is not None and work.task.event_id == hop.event_id and work.task.state in _UNDONE
