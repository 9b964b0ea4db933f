"""A soak: a mixed load for an hour, and whether memory and disk stay flat once runs are forgotten.

`python -m benchmarks.soak --minutes 60` prints a table of samples and a verdict, and ends with
status 1 where something grows; `--ledger postgresql` takes a PostgreSQL of its own, `--json FILE`
writes the samples too. Runs leave the ledger and the archive within a minute and a half here, so
that the platform is as full as it will be after the warm-up: two fifths of the time, at least two
minutes and at most ten. From then on, the line through a figure's samples may rise by a twentieth
of their mean and by its `SLACK`, over all that is left.
"""

from __future__ import annotations

import argparse
import asyncio
import fnmatch
import json
import os
import statistics
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

import psutil
import psycopg
from rich.console import Console
from rich.table import Table

from benchmarks.local import platform, pss_mb
from benchmarks.soak_load import Load
from tests.support.postgres import Postgres

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from benchmarks.local import Platform

SETTINGS: Final = {
    "TENDRIL_RETENTION": "20",
    "TENDRIL_ARCHIVE_RETENTION": "60",
    "TENDRIL_INBOX_TTL": "20",
    "TENDRIL_UNMATCHED_KEPT": "200",
}
WARM_UP: Final = 0.4
"""Which part of a soak comes before the first sample that counts."""
LEAST, MOST = 2.0, 10.0
"""Minutes of warm-up: runs leave the archive in one and a half, and caches take as long to fill."""
RATE: Final = 5.0
"""Runs a second, few enough that nothing piles up on two busy cores."""
SLACK: Final = {"memory MB": 3, "ledger MB": 1, "broker MB": 1, "objects MB": 1, "objects": 50,
                "logs MB": 1, "files": 10, "connections": 40}  # fmt: skip
"""What a figure may grow by beside its twentieth.

Connections are pooled, and the pool takes its oldest first: as many as were once needed at the same
time stay for as long as requests come faster than they grow old.
"""


@dataclass
class Sample:
    """What the platform weighed at one moment; `values` has the keys of SLACK."""

    second: float
    runs: int
    values: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Verdict:
    """How much one figure grew after the warm-up, and how much it may."""

    name: str
    mean: float
    growth: float
    bound: float

    @property
    def flat(self) -> bool:
        """Whether it grew no more than it may."""
        return self.growth <= self.bound


def judge(samples: list[Sample], minutes: float) -> list[Verdict]:
    """Lay a line through each figure's samples after the warm-up."""
    begin = min(max(minutes * WARM_UP, LEAST), MOST) * 60
    kept = [sample for sample in samples if sample.second >= begin]
    seconds = [sample.second for sample in kept]
    verdicts = []
    for name, slack in SLACK.items():
        values = [sample.values[name] for sample in kept]
        slope = statistics.linear_regression(seconds, values).slope
        mean = statistics.fmean(values)
        growth = slope * (seconds[-1] - seconds[0])
        verdicts.append(Verdict(name, mean, growth, mean / 20 + slack))
    return verdicts


def weigh(local: Platform, data: Path, ledger: str) -> dict[str, float]:
    """Return what the platform takes of memory and disk now.

    Memory is what its processes have written; of the database's there is none in it.
    """
    pids = [pid for pids in local.processes().values() for pid in pids]
    objects = _sizes(data / "objects")
    return {
        "memory MB": pss_mb(pids, "Pss_Anon"),
        "ledger MB": _ledger_mb(data, ledger),
        "broker MB": sum(_sizes(data, "broker.db*")) / 1e6,
        "objects MB": sum(objects) / 1e6,
        "objects": len(objects),
        "logs MB": sum(_sizes(data / "logs")) / 1e6,
        **_descriptors(pids),
    }


def _ledger_mb(data: Path, ledger: str) -> float:
    if not ledger:
        return sum(_sizes(data, "ledger.db*")) / 1e6
    with psycopg.connect(ledger) as db:
        row = db.execute("SELECT pg_database_size(current_database())").fetchone()
    return float(row[0]) / 1e6 if row else 0.0


def _sizes(folder: Path, pattern: str = "*") -> list[int]:
    """Return the sizes of a folder's files; what vanishes meanwhile is not counted."""
    found = []
    for place, _, names in os.walk(folder):
        for name in fnmatch.filter(names, pattern):
            with suppress(FileNotFoundError):
                found.append(Path(place, name).stat().st_size)
    return found


def _descriptors(pids: Iterable[int]) -> dict[str, float]:
    """Return how many descriptors processes have: TCP connections, and all others."""
    found = {"files": 0.0, "connections": 0.0}
    for pid in pids:
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(pid)
            connections = len(process.net_connections("tcp"))
            found["files"] += process.num_fds() - connections
            found["connections"] += connections
    return found


async def soak(folder: Path, minutes: float, rate: float, ledger: str) -> list[Sample]:
    """Load a platform for so long; sample it every minute, or sixty times."""
    settings = SETTINGS | ({"TENDRIL_LEDGER": ledger} if ledger else {})
    data, samples = folder / "data", list[Sample]()
    async with platform(data, **settings) as local:
        load = Load(local)
        await load.deploy()
        began, end = time.monotonic(), minutes * 60
        driving = asyncio.create_task(load.drive(rate))
        while (now := time.monotonic() - began) < end and not driving.done():
            values = await asyncio.to_thread(weigh, local, data, ledger)
            samples.append(Sample(round(now), load.done, values))
            print(round(now), load.done, {k: round(v, 1) for k, v in values.items()}, flush=True)
            await asyncio.wait({driving}, timeout=min(60.0, end / 60))
        if driving.done():
            driving.result()
        driving.cancel()
        await asyncio.wait({driving})
    return samples


def show(samples: list[Sample], verdicts: list[Verdict]) -> None:
    """Print ten of the samples, and the verdict."""
    table = Table("second", "runs", *SLACK)
    for sample in samples[:: max(len(samples) // 10, 1)]:
        cells = (f"{sample.values[name]:,.1f}" for name in SLACK)
        table.add_row(f"{sample.second:,.0f}", f"{sample.runs:,}", *cells)
    Console(width=110).print(table)
    for each in verdicts:
        word = "flat" if each.flat else "GROWS"
        print(f"{each.name}: {word}: {each.growth:+.2f} about {each.mean:.1f}, of {each.bound:.2f}")


@contextmanager
def _ledger(kind: str) -> Iterator[str]:
    if kind == "sqlite":
        yield ""
        return
    server = Postgres(fsync=True)
    try:
        server.start()
        yield server.database()
    finally:
        server.close()


def main() -> int:
    """Run from the command line; 1 where something grows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--rate", type=float, default=RATE, help="runs started a second")
    parser.add_argument("--ledger", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--json", metavar="FILE", help="write samples and verdict as JSON too")
    options = parser.parse_args()
    if options.minutes < 2 * LEAST:
        parser.error(f"--minutes is {2 * LEAST:g} at least: the first {LEAST:g} only warm up")
    with _ledger(options.ledger) as ledger, tempfile.TemporaryDirectory() as folder:
        samples = asyncio.run(soak(Path(folder), options.minutes, options.rate, ledger))
    verdicts = judge(samples, options.minutes)
    show(samples, verdicts)
    if options.json:
        told = {"samples": [asdict(s) for s in samples], "verdict": [asdict(v) for v in verdicts]}
        Path(options.json).write_text(json.dumps(told, indent=1))
    return int(not all(each.flat for each in verdicts))


if __name__ == "__main__":
    sys.exit(main())
