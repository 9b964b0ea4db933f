"""What grows: the cost of one more branch, task, deployed flow or parked run, as there are more.

`python -m benchmarks.growth` measures on SQLite and on a PostgreSQL of its own, synced as in
production; `--only width` one table, `--ledger sqlite` one ledger, `--small` a tenth of it all.
Each table's figures are from one run on one platform: its last column is the one to read.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from benchmarks.flows import chain, fork, loop
from benchmarks.hops import hop_ms
from benchmarks.local import platform, pss_mb
from events.vocabulary import hop_id
from functions.host.ledger import open_ledger
from functions.host.ledger.rows.flow import DoorRow, FlowRow
from functions.host.ledger.rows.transition import Transition
from tests.support.postgres import Postgres

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence

    from benchmarks.local import Platform
    from functions.host.ledger import Ledger

Table = list[dict[str, float]]
WIDTHS: Final = (50, 500, 1000)
ITEMS: Final = (100, 1000, 10_000)
AT_ONCE: Final = 16
LENGTHS: Final = (10, 1000, 10_000)
FLOWS: Final = (1, 100, 10_000)
PARKED: Final = (0, 100_000)
_BATCH: Final = 1000


async def width(local: Platform, share: float) -> Table:
    """Return what one branch costs in forks of more and more of them, in ms."""
    sizes = _sized(WIDTHS, share)
    for size in sizes:
        await local.api("POST", "/flows", data=fork(f"wide{size}", size))
    return await _each(sizes, "branches", lambda size: _ms(local, f"bench/wide{size}", {"n": 0}))


async def items(local: Platform, share: float) -> Table:
    """Return what one item costs in parallel loops over more and more of them, in ms."""
    await local.api("POST", "/flows", data=loop("together", AT_ONCE))

    def spent(size: int) -> Awaitable[float]:
        return _ms(local, "bench/together", {"items": list(range(size))})

    return await _each(_sized(ITEMS, share), "items", spent)


async def length(local: Platform, share: float) -> Table:
    """Return what one task costs in runs of more and more of them, in ms."""
    await local.api("POST", "/flows", data=loop("long"))

    def spent(size: int) -> Awaitable[float]:
        return _ms(local, "bench/long", {"items": [0] * size})

    return await _each(_sized(LENGTHS, share), "tasks", spent)


async def _each(sizes: Sequence[int], what: str, spent: Callable[[int], Awaitable[float]]) -> Table:
    await spent(sizes[0])  # warm
    table: Table = []
    for size in sizes:
        one = await spent(size) / size
        first = table[0]["ms each"] if table else one
        table.append({what: size, "ms each": round(one, 3), "x": round(one / first, 2)})
    return table


async def _ms(local: Platform, flow: str, value: Any) -> float:
    """Return how long a run takes, from its POST to its end, in ms."""
    started = time.perf_counter()
    run = await local.run(flow, value)
    while run["status"] in {"running", "waiting"}:  # beyond the wait that the API grants
        await asyncio.sleep(1)
        run = await local.api("GET", f"/runs/{run['id']}")
    assert run["status"] == "completed", run["error"]
    return (time.perf_counter() - started) * 1000


async def flows(folder: Path, settings: dict[str, str], share: float) -> Table:
    """Return what a hop costs beside more and more deployed flows, in ms."""
    table: Table = []
    there = 1
    for size in _sized(FLOWS, share):
        async with _ledger(settings) as ledger:
            await _gathered(_deploy(ledger, number) for number in range(there, size))
        there = size
        async with platform(folder, **settings) as local:
            hop, _ = await hop_ms(local, runs=12)
        first = table[0]["hop ms"] if table else hop
        table.append({"flows": size, "hop ms": round(hop, 2), "x": round(hop / first, 2)})
    return table


async def _deploy(ledger: Ledger, number: int) -> None:
    """Deploy a flow that an event of a type of its own starts."""
    name, digest = f"flow{number}", f"{number:064x}"
    document = {"dsl": "1.0.3", "namespace": "many", "name": name, "version": "1.0.0"}
    definition = {"document": document, "do": [{"a": {"set": {"n": 1}}}]}
    row = FlowRow(digest, "many", name, "1.0.0", "", definition, json.dumps(definition), {}, 1.0)
    door = DoorRow(digest, "many", name, f"com.example.{name}", {"with": {"type": name}})
    await ledger.deploy(row, [door])


async def parked(folder: Path, settings: dict[str, str], share: float) -> Table:
    """Return what a start of the platform and a hop cost beside runs that wait, and its memory."""
    table: Table = []
    waiting = chain("parked", 0) + "  - nap: {wait: P30D}\n"
    async with platform(folder, **settings) as local:
        await local.api("POST", "/flows", data=waiting)
        run = await local.api("POST", "/flows/bench/parked/runs", json={"n": 0})
    for size in _sized(PARKED, share):
        async with _ledger(settings) as ledger:
            await _park(ledger, run["id"], size)
        started = time.perf_counter()
        async with platform(folder, **settings) as local:
            ready = time.perf_counter() - started
            hop, _ = await hop_ms(local, runs=12)
            weight = pss_mb([pid for pids in local.processes().values() for pid in pids])
        first = table[0]["hop ms"] if table else hop
        figures = {"parked": size, "start s": round(ready, 2), "MB": round(weight)}
        table.append({**figures, "hop ms": round(hop, 2), "x": round(hop / first, 2)})
    return table


async def _park(ledger: Ledger, run_id: str, many: int) -> None:
    """Store more runs that wait as this one does."""
    run = await ledger.run(run_id)
    [timer] = await ledger.tasks(run_id)
    state, _ = await ledger.scope(run_id, "")
    assert run is not None

    async def one(number: int) -> None:
        name = f"parked{number}"
        row = replace(timer, run=name, event_id=hop_id(name, timer.instance, 1))
        first = Transition(name, "", 0, state, run.started_at, None, 0, timers=(row,))
        await ledger.open(replace(run, id=name), first)

    await _gathered(one(number) for number in range(many))


async def _gathered(doing: Iterable[Awaitable[None]]) -> None:
    batch: list[Awaitable[None]] = []
    for each in doing:
        batch.append(each)
        if len(batch) == _BATCH:
            await asyncio.gather(*batch)
            batch = []
    await asyncio.gather(*batch)


@asynccontextmanager
async def _ledger(settings: dict[str, str]) -> AsyncIterator[Ledger]:
    ledger = open_ledger(settings["TENDRIL_LEDGER"])
    try:
        await ledger.ready()
        yield ledger
    finally:
        await ledger.close()


def _sized(sizes: Sequence[int], share: float) -> list[int]:
    return [max(int(size * share), 1) if size > 1 else size for size in sizes]


async def measure(
    folder: Path, ledgers: Iterator[str], share: float, only: str | None
) -> dict[str, Table]:
    """Return all tables of one ledger, of which `ledgers` gives the URLs of empty ones."""
    tables: dict[str, Table] = {}
    for name, table in {"width": width, "items": items, "length": length}.items():
        if only in {None, name}:
            async with platform(folder / name, TENDRIL_LEDGER=next(ledgers)) as local:
                tables[name] = await table(local, share)
    for name, apart in {"flows": flows, "parked": parked}.items():
        if only in {None, name}:
            tables[name] = await apart(folder / name, {"TENDRIL_LEDGER": next(ledgers)}, share)
    return tables


def main() -> None:
    """Print every table as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ledger", choices=["sqlite", "postgresql"])
    parser.add_argument("--only", choices=["width", "items", "length", "flows", "parked"])
    parser.add_argument("--small", action="store_true", help="a tenth of everything")
    given = parser.parse_args()
    share, figures = 0.1 if given.small else 1.0, {}
    if given.ledger != "postgresql":
        with tempfile.TemporaryDirectory() as folder:
            files = (f"sqlite:///{folder}/{number}.db" for number in count())
            measuring = measure(Path(folder), files, share, given.only)
            figures["sqlite"] = asyncio.run(measuring)
    if given.ledger != "sqlite":
        server = Postgres(fsync=True)
        try:
            server.start()
            databases = (server.database() for _ in count())
            with tempfile.TemporaryDirectory() as folder:
                measuring = measure(Path(folder), databases, share, given.only)
                figures["postgresql"] = asyncio.run(measuring)
        finally:
            server.close()
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
