"""A disk that fills up while runs are on their way, on a real platform."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.local_platform import until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.local_platform import LocalPlatform

TWO = """
document: {dsl: '1.0.3', namespace: test, name: two, version: '1.0.0'}
do:
  - a: {call: ping, with: {n: '${ .n }'}}
  - b: {call: pong, with: {n: '${ .n }'}}
"""
PAGES = 150
REMEDY = "free some disk space, or raise TENDRIL_LEDGER_MAX_PAGES"


@pytest.fixture
def environment(tools: str) -> dict[str, str]:
    """The trivial tools, a clock in a hurry, and a ledger that has little room."""
    return {
        "TENDRIL_TOOLS": tools,
        "TENDRIL_REQUEST_GRACE": "1",
        "TENDRIL_LEASE": "2",
        "TENDRIL_SWEEP_INTERVAL": "0.2",
        "TENDRIL_LEDGER_MAX_PAGES": str(PAGES),
    }


async def fill(platform: LocalPlatform, padding: int) -> tuple[set[str], dict[str, Any]]:
    """Start runs until one is refused; return those that were accepted, and the refusal."""
    accepted: set[str] = set()
    for n in range(PAGES):
        body = {"n": n, "padding": "x" * padding}
        status, answer = await platform.api("POST", "/flows/test/two/runs", json=body)
        if status != 202:
            assert (status, answer["status"]) == (503, 503)
            return accepted, answer
        accepted.add(answer["id"])
    pytest.fail("the ledger never filled")


async def test_a_full_ledger_loses_no_accepted_run(platform: LocalPlatform, tmp_path: Path) -> None:
    """Starts are refused with the remedy; given room, every run that was accepted completes."""
    await platform.deploy(TWO)
    many, refusal = await fill(platform, padding=8_000)
    more, _ = await fill(platform, padding=0)  # what is left takes no small row either
    accepted = many | more
    assert len(many) > 10
    assert REMEDY in refusal["detail"]

    async def stuck() -> bool:
        logs = (tmp_path / "data" / "logs" / f"{tool}.log" for tool in ("ping", "pong"))
        return any(REMEDY in log.read_text("utf-8") for log in logs if log.exists())

    await until(stuck, 20, "a hop could not be recorded")
    await platform.kill()
    platform.environment["TENDRIL_LEDGER_MAX_PAGES"] = "0"
    await platform.start()

    async def completed() -> bool:
        _, answer = await platform.api("GET", "/runs?status=completed&limit=1000")
        return {run["id"] for run in answer["runs"]} == accepted

    await until(completed, 60, f"all {len(accepted)} accepted runs completed")
