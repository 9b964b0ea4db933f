"""What a host keeps of large values has a bound in bytes, however few they are."""

from __future__ import annotations

import gc
import tracemalloc
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from functions.host.blobs import Blobs
from functions.host.ledger import open_ledger
from functions.host.objects.folder import FolderStore
from functions.host.recent import MOST
from functions.host.shared import Shared
from functions.host.states import States
from tests.support.contender import run

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from functions.host.ledger import Ledger

SIZE, COUNT = 1_000_000, 30
BOUND = 2 * MOST
"""Far below the 30 MB that the values have together."""


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[Ledger]:
    """A ledger that has nothing."""
    ledger = open_ledger(f"sqlite:///{tmp_path}/ledger.db")
    yield ledger
    await ledger.close()


@pytest.fixture
def traced() -> Iterator[None]:
    """Count the bytes that are allocated from now on."""
    tracemalloc.start()
    yield
    tracemalloc.stop()


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    """An object store for what is large."""
    return Blobs(FolderStore(tmp_path / "objects"), 65_536)


def allocated() -> int:
    """Return the bytes that are still in use."""
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


@pytest.mark.usefixtures("traced")
async def test_packed_values(blobs: Blobs) -> None:
    """Values that were packed, or fetched, do not stay for ever."""
    refs = [await blobs.pack(f"{n}" + "x" * SIZE, "r1") for n in range(COUNT)]
    for ref in refs:
        await blobs.unpack(ref)
    assert allocated() < BOUND


@pytest.mark.usefixtures("traced")
async def test_inputs(ledger: Ledger, blobs: Blobs) -> None:
    """Nor do the inputs of runs."""
    shared = Shared(ledger, blobs)
    for n in range(COUNT):
        await shared.input(replace(run(f"r{n}"), input='"' + "x" * SIZE + '"'))
    assert allocated() < BOUND


@pytest.mark.usefixtures("traced")
async def test_parts_of_states(ledger: Ledger, blobs: Blobs) -> None:
    """Nor do the large parts of states."""
    states = States(ledger, blobs)
    for n in range(COUNT):
        states.pack({"machine": 1, "context": f"{n}" + "x" * SIZE, "frames": []})
    assert allocated() < BOUND
