"""A full disk: the ledger says so, keeps what it had, and goes on once there is room."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from functions.host.ledger import LedgerUnavailable
from functions.host.ledger.sqlite import SqliteLedger
from functions.host.ledger.sqlite.writer import LOG_KEPT

if TYPE_CHECKING:
    from pathlib import Path


async def _fill(ledger: SqliteLedger) -> tuple[int, str]:
    for number in range(1_000):
        try:
            await ledger.add_unmatched(f"e{number}", "x" * 3_000, float(number), keep=10_000)
        except LedgerUnavailable as error:
            return number, str(error)
    pytest.fail("the disk never filled")


async def test_a_full_ledger_refuses_and_loses_nothing(tmp_path: Path) -> None:
    """When SQLite has no page left a write raises LedgerUnavailable; what was kept stays read."""
    path = str(tmp_path / "ledger.db")
    ledger = SqliteLedger(path, max_pages=60)
    kept, said = await _fill(ledger)
    assert kept > 0
    assert path in said
    assert "free some disk space, or raise TENDRIL_LEDGER_MAX_PAGES above 60" in said
    assert len(await ledger.unmatched(10_000)) == kept
    await ledger.close()
    roomier = SqliteLedger(path, max_pages=10_000)
    await roomier.add_unmatched("later", "x" * 3_000, 5_000.0, keep=10_000)
    assert len(await roomier.unmatched(10_000)) == kept + 1
    await roomier.close()


async def test_a_large_step_leaves_no_large_log(tmp_path: Path) -> None:
    """The log gives back what one large transaction made it take, with the steps that follow."""
    ledger = SqliteLedger(str(tmp_path / "ledger.db"))
    log = tmp_path / "ledger.db-wal"
    await ledger.add_unmatched("large", "x" * 2 * LOG_KEPT, 0.0, keep=10)
    assert log.stat().st_size > 2 * LOG_KEPT
    for number in range(3):
        await ledger.add_unmatched(f"e{number}", "x", float(number), keep=10)
    assert log.stat().st_size <= LOG_KEPT
    await ledger.close()
