"""The platform under test, fresh for each test."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp
import pytest

from tests.support.local_platform import LocalPlatform
from tests.support.ports import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture
def tools() -> str:
    """The folder of the trivial tools `ping` and `pong`."""
    return str(Path(__file__).resolve().parents[2] / "benchmarks" / "tools")


@pytest.fixture
def environment() -> dict[str, str]:
    """Settings of the platform under test; a module may override this fixture."""
    return {}


@pytest.fixture
async def platform(tmp_path: Path, environment: dict[str, str]) -> AsyncIterator[LocalPlatform]:
    """A running platform without the model's service, on a new data folder."""
    settings = {"TENDRIL_EGRESS_ALLOW": "127.0.0.0/8", "TENDRIL_WITHOUT": "inference"}
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=120)) as session:
        made = LocalPlatform(tmp_path / "data", free_port(), session, settings | environment)
        try:
            await made.start()
            yield made
        finally:
            made.stop()
