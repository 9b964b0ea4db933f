"""Forks as the ledger has them: how they begin, and what the end of a branch tells others."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import orjson

from events.flow.steps import Dormant, ScopeCompleted, ScopeFaulted
from functions.host.ledger.claims import turn_of
from functions.host.ledger.rows.fork import ForkRow, Join
from functions.host.ledger.rows.task import TaskState
from functions.host.ledger.toolless import toolless
from functions.host.outcomes import Outcome

if TYPE_CHECKING:
    from events.flow.steps import Branch, Fork, Step
    from functions.host.blobs import Blobs
    from functions.host.ledger.rows.run import RunRow
    from functions.host.ledger.rows.task import TaskRow
    from functions.host.transitions import Settled

JOINED = ""
"""The outcome of a fork that is over because all branches are: it lies in their scopes."""


async def fork_row(fork: Fork, step: Step, scope: str, run: RunRow, blobs: Blobs) -> ForkRow:
    """Return a fork that a step in `scope` begins."""
    branches = [each for each in step.branches if each.branch and each.branch.fork == fork.instance]
    dormant = sum(isinstance(each.status, Dormant) for each in branches)
    around = fork.around
    return ForkRow(
        fork=fork.instance,
        scope=scope,
        compete=any(each.branch.compete for each in branches if each.branch),
        begun=len(branches) - dormant + len(fork.due),
        shared=orjson.dumps(
            {
                "context": await blobs.pack(around.context, run.id),
                "input": await blobs.pack(around.input, run.id),
                "variables": await blobs.pack(around.variables, run.id),
            }
        ).decode(),
    )


def prefix(branch: Branch) -> str:
    """Return what the names of all scopes of a branch's fork begin with."""
    return branch.scope[: -len(str(branch.index))]


async def join_of(branch: Branch, status: object, about: Settled, blobs: Blobs) -> Join | None:
    """Return what a branch's end tells its fork; None while it goes on."""
    run, failed = about.run, about.failed
    if isinstance(status, ScopeFaulted):
        blame = (failed.run.id, failed.task.instance) if failed else None
        told: Outcome | None = Outcome(problem=status.problem, blame=blame)
    elif isinstance(status, ScopeCompleted):
        told = Outcome(output=status.output) if branch.compete else None
    else:
        return None
    fork = replace(
        _recorded(about, branch.fork, branch.parent),
        outcome=JOINED if told is None else await blobs.pack(told.to_json(), run.id),
    )
    output = None
    if isinstance(status, ScopeCompleted):
        output = await blobs.pack(status.output, run.id)
    return Join(fork, told is not None, output, _recorded(about) if branch.turns else None)


def due_turn(branch: Branch, about: Settled) -> TaskRow:
    """Return the row by which a dormant branch begins as soon as it is written."""
    return turn_of(_recorded(about), branch.scope)


def _recorded(about: Settled, instance: str = "", scope: str = "") -> TaskRow:
    """Return a row that has an outcome from the start; whoever made it settles it."""
    due = about.now + about.grace
    row = toolless(about.run.id, instance, scope, TaskState.RECORDED, at=about.now, due_at=due)
    return replace(row, cause=about.task.event_id if about.task else "")
