"""The parts that every service is built from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from functions.host.assembly import opened
from functions.host.jq import JqPool
from functions.host.ledger.sqlite import SqliteLedger
from functions.host.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path


async def test_what_is_open_is_closed_where_a_part_does_not_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker of expressions that cannot be started leaves no ledger open, and is told."""
    closed = []

    def start(_: JqPool) -> None:
        raise OSError("no process")

    async def close(ledger: SqliteLedger) -> None:
        closed.append(ledger)
        await closing(ledger)

    closing = SqliteLedger.close
    monkeypatch.setattr(JqPool, "start", start)
    monkeypatch.setattr(SqliteLedger, "close", close)
    with pytest.raises(OSError, match="no process"):
        async with opened(Settings(data=tmp_path)):
            pass
    assert len(closed) == 1
