"""Large values by reference, over a real folder store."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from events.errors import ErrorType, ToolError
from functions.host.blobs import Blobs, dataref
from functions.host.objects import open_store

if TYPE_CHECKING:
    from pathlib import Path

LIMIT = 1_000
LARGE = {"text": "x" * LIMIT}


def blobs(folder: Path) -> Blobs:
    """Return what one process packs and unpacks with; another has seen none of its values."""
    return Blobs(open_store(f"file://{folder}"), LIMIT)


async def test_a_value_over_the_threshold_is_stored(tmp_path: Path) -> None:
    """At the threshold a value stays inline; above it another process finds it by its dataref."""
    inline = await blobs(tmp_path).pack("x" * (LIMIT - 2), "r1")
    assert dataref(inline) is None
    assert await blobs(tmp_path).unpack(inline) == "x" * (LIMIT - 2)
    assert await open_store(f"file://{tmp_path}").list("") == []
    packed = await blobs(tmp_path).pack(LARGE, "r1")
    ref = dataref(packed)
    assert ref
    assert (tmp_path / ref.partition("?")[0]).is_file()
    assert await blobs(tmp_path).unpack(packed) == LARGE


@pytest.mark.parametrize(
    "changed", [b'{"text":"' + b"y" * LIMIT + b'"}', b"", b'{"text":"' + b"x" * LIMIT + b'"} ']
)
async def test_an_altered_object_is_refused(tmp_path: Path, changed: bytes) -> None:
    """What was overwritten, cut or lengthened in the store is an error that says so."""
    ref = dataref(await blobs(tmp_path).pack(LARGE, "r1"))
    assert ref
    (tmp_path / ref.partition("?")[0]).write_bytes(changed)
    with pytest.raises(ToolError, match="was altered"):
        await blobs(tmp_path).fetch(ref)


async def test_a_wrong_size_is_refused(tmp_path: Path) -> None:
    """A dataref's size is checked as well as its hash."""
    ref = dataref(await blobs(tmp_path).pack(LARGE, "r1"))
    assert ref
    with pytest.raises(ToolError, match="was altered"):
        await blobs(tmp_path).fetch(ref.partition("?")[0] + "?size=1")


@pytest.mark.parametrize(
    "ref",
    [
        "http://127.0.0.1/secret",
        "file:///etc/passwd",
        f"runs/../{'0' * 64}?size=1",
        f"letters/l1/{'0' * 64}?size=1",
        f"runs/r1/{'0' * 64}",
        f"runs/r1/{'0' * 64}?size=1\n",
        "runs/r1/secret?size=1",
    ],
)
async def test_a_foreign_dataref_is_refused(tmp_path: Path, ref: str) -> None:
    """A reference that is no key of our own values is never followed."""
    with pytest.raises(ToolError, match=r"is no (object )?key") as raised:
        await blobs(tmp_path).fetch(ref)
    assert raised.value.problem.type == ErrorType.VALIDATION
