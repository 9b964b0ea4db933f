"""The implementations behind each port; every suite here runs over all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from functions.host.ledger import open_ledger

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from functions.host.ledger import Ledger


@pytest.fixture(params=["sqlite"])
async def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Ledger]:
    """An empty ledger of each implementation."""
    opened = open_ledger(f"{request.param}:///{tmp_path}/ledger.db")
    yield opened
    await opened.close()
