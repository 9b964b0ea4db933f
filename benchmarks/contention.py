"""What the ledgers bear: hops of runs apart, and claims and steps that meet in one run.

`python -m benchmarks.contention` starts a PostgreSQL of its own, synced as in production;
`--url postgresql://...` takes an empty database elsewhere. Ledgers alone: no host, no broker.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from events.vocabulary import hop_id
from functions.host.ledger import open_ledger
from functions.host.ledger.claims import Verdict
from functions.host.ledger.rows.history import Entry
from functions.host.ledger.rows.transition import Transition
from tests.support.contender import NOW, hop, run, started, step_on, task
from tests.support.postgres import Postgres

if TYPE_CHECKING:
    from functions.host.ledger import Ledger
    from functions.host.ledger.rows.task import TaskRow

HOSTS, APART, HOPS, STEPS, WIDE = 4, 32, 20, 200, 500


async def one_run(ledger: Ledger, name: str) -> None:
    """A chain of hops: each is claimed, closed with its outcome, and opens the next."""
    await ledger.open(run(name), started(name))
    row = task(name)
    for index in range(1, HOPS + 1):
        event = replace(hop(name), instance=row.instance, event_id=row.event_id)
        claim = await ledger.claim(event, now=NOW, lease=10, cold=False)
        assert claim.verdict is Verdict.CLAIM
        assert claim.work
        following = _numbered(name, index)
        assert await ledger.transit(
            Transition(
                name, "", index, '{"s":1}', NOW, row.instance, claim.work.task.token,
                (following,), entries=(Entry("task.completed", NOW, "/do/0/a", row.instance),),
                outcome='{"output":1}',
            )
        )  # fmt: skip
        row = following


def _numbered(name: str, index: int) -> TaskRow:
    instance = f"/do/{index}/a#1"
    return replace(task(name), instance=instance, event_id=hop_id(name, instance, 1))


async def apart(ledgers: list[Ledger]) -> float:
    """Return hops a second of many runs at once, spread over the hosts."""
    begun = time.perf_counter()
    await asyncio.gather(
        *(one_run(ledgers[index % len(ledgers)], f"apart{index}") for index in range(APART))
    )
    return APART * HOPS / (time.perf_counter() - begun)


async def together(ledgers: list[Ledger]) -> float:
    """Return steps a second of hosts that all step one scope, conflicts and all."""
    await ledgers[0].open(run("r0"), started("r0"))
    begun = time.perf_counter()
    await asyncio.gather(*(step_on(ledger, STEPS // len(ledgers)) for ledger in ledgers))
    return STEPS / (time.perf_counter() - begun)


async def wide(ledgers: list[Ledger]) -> float:
    """Return claims a second of so many tasks that one step of one run opened."""
    rows = tuple(_numbered("wide", index) for index in range(WIDE))
    await ledgers[0].open(run("wide"), replace(started("wide"), requests=rows))
    events = [replace(hop("wide"), instance=row.instance, event_id=row.event_id) for row in rows]
    begun = time.perf_counter()
    claims = await asyncio.gather(
        *(
            ledgers[index % len(ledgers)].claim(event, now=NOW, lease=10, cold=False)
            for index, event in enumerate(events)
        )
    )
    assert {claim.verdict for claim in claims} == {Verdict.CLAIM}
    return WIDE / (time.perf_counter() - begun)


async def measure(url: str) -> dict[str, float]:
    """Return every figure of one ledger, each per second."""
    ledgers = [open_ledger(url) for _ in range(HOSTS)]
    try:
        for ledger in ledgers:
            await ledger.ready()
        return {
            f"hops, {APART} runs apart": round(await apart(ledgers)),
            f"steps of one scope, {HOSTS} hosts": round(await together(ledgers)),
            f"claims, {WIDE} tasks of one run": round(await wide(ledgers)),
        }
    finally:
        for ledger in ledgers:
            await ledger.close()


def main() -> None:
    """Print the figures of both ledgers as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", help="an empty PostgreSQL database to measure instead")
    given = parser.parse_args().url
    figures: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        figures["sqlite"] = asyncio.run(measure(f"sqlite:///{folder}/ledger.db"))
    server = None if given else Postgres(fsync=True)
    try:
        if server:
            server.start()
        figures["postgresql"] = asyncio.run(measure(given or (server.database() if server else "")))
    finally:
        if server:
            server.close()
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
