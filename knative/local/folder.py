"""The data folder: one platform at a time, and a note of where that platform answers."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class FolderInUse(Exception):  # noqa: N818 - read as a sentence
    """Another platform works on the same data folder."""


@contextlib.contextmanager
def held(data: Path) -> Iterator[None]:
    """Hold the folder's lock, which ends with this process; raises FolderInUse."""
    data.mkdir(parents=True, exist_ok=True)
    with (data / "lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FolderInUse(_owner(data)) from None
        yield


@contextlib.contextmanager
def announced(data: Path, url: str) -> Iterator[None]:
    """Leave a note of the platform's URL and pid in the folder while it runs."""
    note = data / "platform.json"
    note.write_text(json.dumps({"url": url, "pid": os.getpid()}) + "\n", encoding="utf-8")
    try:
        yield
    finally:
        note.unlink(missing_ok=True)


def _owner(data: Path) -> str:
    other = _note(data)
    who = f"pid {other.get('pid', '?')}, {other.get('url', 'still starting')}"
    return (
        f"the data folder {data} is in use by another platform ({who}); "
        "stop that one, or give this one another folder with --data"
    )


def _note(data: Path) -> dict[str, Any]:
    try:
        note = json.loads((data / "platform.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return note if isinstance(note, dict) else {}
