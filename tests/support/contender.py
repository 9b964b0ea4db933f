"""A host in a process of its own that contends for a ledger: `python -m tests.support.contender`.

Arguments: the ledger's URL, what to do, and a number. It says `ready`, waits for a line, does
what it was told and prints the result as JSON. The runs it acts on are `runs` here.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import TYPE_CHECKING

from events.vocabulary import Hop, digest, hop_id
from functions.host.ledger import open_ledger
from functions.host.ledger.claims import Verdict
from functions.host.ledger.rows.history import Entry
from functions.host.ledger.rows.run import RunRow, RunStatus
from functions.host.ledger.rows.task import TaskRow, TaskState
from functions.host.ledger.rows.transition import Transition

if TYPE_CHECKING:
    from functions.host.ledger import Ledger

NOW = 1_000.0
INSTANCE = "/do/0/a#1"


def run(run_id: str) -> RunRow:
    return RunRow(
        run_id, "sha256:a", "shop", "order", "1.0.0", 1, RunStatus.RUNNING, "{}", None, None,
        NOW, None, "0" * 32,
    )  # fmt: skip


def task(run_id: str, token: int = 0) -> TaskRow:
    return TaskRow(
        run_id, INSTANCE, "", "/do/0/a", "echo", 1, "1.0.0", 1, 0, hop_id(run_id, INSTANCE, 1),
        "", '{"x":1}', digest({"x": 1}), TaskState.REQUESTED, NOW + 5, token, requested_at=NOW,
    )  # fmt: skip


def hop(run_id: str) -> Hop:
    row = task(run_id)
    return Hop(run_id, INSTANCE, 1, row.event_id, "echo", 1, row.input_digest, None, {"x": 1})


def started(run_id: str) -> Transition:
    """Return the first step of a run, with one task out."""
    entries = (Entry("run.started", NOW),)
    return Transition(
        run_id, "", 0, '{"s":0}', NOW, None, 0, requests=(task(run_id),), entries=entries
    )


def step(run_id: str, rev: int) -> Transition:
    """Return a step of the root scope that closes nothing and leaves one line."""
    entries = (Entry("stepped", NOW, detail={"rev": rev}),)
    return Transition(run_id, "", rev, f'{{"s":{rev}}}', NOW, None, 0, entries=entries)


async def step_on(ledger: Ledger, wins: int) -> list[int]:
    """Step run `r0` until this host has won `wins` times; return the revisions it won at."""
    won: list[int] = []
    while len(won) < wins:
        _, rev = await ledger.scope("r0", "")
        if await ledger.transit(step("r0", rev)):
            won.append(rev)
    return won


async def claim_all(ledger: Ledger, number: int) -> list[str]:
    """Try to claim the task of each of so many runs; return those that it got."""
    names = [f"r{index}" for index in range(number)]
    claims = await asyncio.gather(
        *(ledger.claim(hop(name), now=NOW, lease=10, cold=False) for name in names)
    )
    return [
        name for name, claim in zip(names, claims, strict=True) if claim.verdict is Verdict.CLAIM
    ]


_WORK = {"step": step_on, "claim": claim_all}


async def _main(url: str, what: str, number: int) -> None:
    ledger = open_ledger(url)
    await ledger.ready()
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    print(json.dumps(await _WORK[what](ledger, number)), flush=True)
    await ledger.close()


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
