"""A context to call the tool from, as an operator has allowed it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.surroundings import surroundings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from functions.host.context import Context


@pytest.fixture
async def context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Context]:
    """A task's surroundings; a program may take five seconds and 200 MB."""
    for name, value in (("ALLOW", "true"), ("TIMEOUT", "5"), ("MEMORY", "200000000")):
        monkeypatch.setenv(f"TENDRIL_SHELL_{name}", value)
    async with surroundings(tmp_path) as given:
        yield given
        await given.resources.aclose()
