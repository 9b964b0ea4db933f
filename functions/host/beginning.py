"""How a run looks before its first step, whoever starts it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from events.flow.steps import MACHINE
from functions.host.ledger.rows.run import RunRow, RunStatus

if TYPE_CHECKING:
    from functions.host.ledger.rows.flow import FlowRow
    from functions.host.ledger.rows.task import Work


def beginning(flow: FlowRow, identity: str, packed: str, at: float, trace: str) -> RunRow:
    """Return a run of `flow` with its packed input; `trace` is 32 hex digits."""
    return RunRow(
        id=identity,
        digest=flow.digest,
        namespace=flow.namespace,
        name=flow.name,
        version=flow.version,
        machine=MACHINE,
        status=RunStatus.RUNNING,
        input=packed,
        output=None,
        error=None,
        started_at=at,
        ended_at=None,
        trace=trace,
    )


def called_by(run: RunRow, work: Work, *, awaited: bool) -> RunRow:
    """Return a run that is to begin for a task of another one."""
    task, parent = work.task, work.run
    return replace(
        run,
        parent=parent.id,
        caller=task.instance,
        awaited=awaited,
        depth=parent.depth + 1,
        budget=parent.budget,
    )
