"""All benchmarks: `python -m benchmarks.run [--json FILE]` prints one table.

Every figure stands beside a limit or a peer measured in the same run, on the same machine.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.hops import flow_ms, flows_per_second, hop_ms
from benchmarks.idle import FAST_TO_ZERO, cold_start_ms, idle_mb, warm_tool_mb
from benchmarks.ingress import ratio
from benchmarks.limits import http_call_ms, sdk_parse_ms, sqlite_commit_ms
from benchmarks.local import platform
from benchmarks.matching import match_ms


@dataclass(frozen=True)
class Figure:
    """One measured number; `target` is what it should be, in words."""

    name: str
    value: float
    unit: str
    target: str = ""
    met: bool | None = None


async def measure(folder: Path) -> list[Figure]:
    """Measure everything, one after the other."""
    figures = [
        Figure("limit: synced SQLite commit", sqlite_commit_ms(folder), "ms"),
        Figure("limit: SDK parse of a binary event", sdk_parse_ms(), "ms"),
    ]
    matched = match_ms()
    figures.append(Figure("match among 10,000 Triggers", matched, "ms", "< 1", matched < 1))
    figures += await _platform(folder / "hops")
    figures += await _ingress(folder / "ingress")
    figures += _peer(folder)
    return figures


async def _platform(folder: Path) -> list[Figure]:
    async with platform(folder) as local:
        idle = await idle_mb(local)
        call = await http_call_ms(f"{local.url}/healthz")
        p50, p95 = await hop_ms(local)
        three = await flow_ms(local)
        rate = await flows_per_second(local)
        tool = await warm_tool_mb(local)
    async with platform(folder.with_name("cold"), **FAST_TO_ZERO) as local:
        cold = await cold_start_ms(local)
    return [
        Figure("limit: one aiohttp call", call, "ms"),
        Figure("hop, p50", p50, "ms", "<= 3, proud 2", p50 <= 3),
        Figure("hop, p95", p95, "ms"),
        Figure("hop, in aiohttp calls", p50 / call, "x"),
        Figure("3-task flow, p50", three, "ms"),
        Figure("3-task flows, 64 in flight", rate, "/s", ">= 250, proud 400", rate >= 250),
        Figure("cold start to first answer, p50", cold, "ms", "<= 400", cold <= 400),
        Figure("idle platform, PSS", idle, "MB", "<= 120", idle <= 120),
        Figure("warm tool, PSS", tool, "MB", "<= 70", tool <= 70),
    ]


async def _ingress(folder: Path) -> list[Figure]:
    measured = await ratio(folder)
    share = measured["ratio"]
    return [
        Figure("limit: echo of the same server, wrk", measured["echo"], "/s"),
        Figure("broker ingress, synced, wrk", measured["ingress"], "/s"),
        Figure("broker ingress / echo", share, "x", ">= 0.35", share >= 0.35),
    ]


def _peer(folder: Path) -> list[Figure]:
    command = [sys.executable, str(Path(__file__).parent / "peer.py"), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    answer = json.loads(done.stdout.splitlines()[-1])
    return [
        Figure("peer: DBOS on SQLite, 3 steps, p50", answer["p50_ms"], "ms"),
        Figure("peer: DBOS on SQLite, 64 in flight", answer["per_second"], "/s"),
    ]


def show(figures: list[Figure]) -> None:
    """Print the table."""
    table = Table("figure", "value", "unit", "target", "met")
    for figure in figures:
        met = "" if figure.met is None else "yes" if figure.met else "NO"
        table.add_row(figure.name, f"{figure.value:,.3g}", figure.unit, figure.target, met)
    Console(width=100).print(table)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", metavar="FILE", help="write the figures as JSON too")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = asyncio.run(measure(Path(folder)))
    show(figures)
    if options.json:
        Path(options.json).write_text(json.dumps([asdict(f) for f in figures], indent=1))


if __name__ == "__main__":
    main()
