"""The embedded object store: a file per object in one folder."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
import uuid
from typing import TYPE_CHECKING, Final

from events.errors import RetryableError
from functions.host.objects.port import (
    RESERVED_SEGMENT,
    ObjectKeyError,
    ObjectMissing,
    check_key,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_STALE_AFTER: Final = 3600.0
"""Seconds after which a half-written file belongs to a process that died."""

_RACES: Final = 8
"""Tries at a put whose folder another process prunes meanwhile."""


class FolderStore:
    """Objects as files under `root`; several processes may share it.

    A put is durable and atomic: written beside, synced, renamed, the folder synced. Other
    than in S3, one object's key cannot be a folder of another's (`a` and `a/b`).
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._incoming = root / RESERVED_SEGMENT
        self._opened = False

    async def put(self, key: str, data: bytes) -> None:
        """Store `data` under `key`."""
        path = self._path(key)
        await asyncio.to_thread(self._put, key, path, data)

    async def get(self, key: str) -> bytes:
        """Return the object's bytes."""
        path = self._path(key)
        try:
            return await asyncio.to_thread(path.read_bytes)
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            raise ObjectMissing(key, str(self._root)) from None
        except OSError as error:
            raise self._outage("read", key, error) from error

    async def delete(self, key: str) -> None:
        """Remove the object and the folders that it leaves empty."""
        path = self._path(key)
        await asyncio.to_thread(self._delete, key, path)

    async def exists(self, key: str) -> bool:
        """Tell whether there is an object of this key."""
        return await asyncio.to_thread(self._path(key).is_file)

    async def list(self, prefix: str) -> list[str]:
        """Return the sorted keys that start with `prefix`."""
        return await asyncio.to_thread(lambda: sorted(self._keys(prefix)))

    def _path(self, key: str) -> Path:
        return self._root.joinpath(*check_key(key).split("/"))

    def _put(self, key: str, path: Path, data: bytes) -> None:
        try:
            self._open()
            partial = self._incoming / uuid.uuid4().hex
            try:
                _write_synced(partial, data)
                self._move(partial, path)
            finally:
                partial.unlink(missing_ok=True)
        except (NotADirectoryError, FileExistsError, IsADirectoryError):
            reason = "another object's key is a folder of this one, or the other way round"
            raise ObjectKeyError(key, reason) from None
        except OSError as error:
            raise self._outage("write", key, error) from error

    def _open(self) -> None:
        if not self._opened:
            _make_folder(self._incoming)
            self.sweep(time.time())
            self._opened = True

    def _move(self, partial: Path, path: Path) -> None:
        for _ in range(_RACES):
            with contextlib.suppress(FileNotFoundError):  # a delete pruned the folder in between
                _make_folder(path.parent)
                partial.replace(path)
                break
        else:
            raise FileNotFoundError(path)
        with contextlib.suppress(FileNotFoundError):  # deleted and pruned already
            _sync_folder(path.parent)

    def _delete(self, key: str, path: Path) -> None:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            if path.is_file():
                raise self._outage("delete", key, error) from error
            return  # a folder of other keys, or below another object: no such object
        with contextlib.suppress(OSError):  # not empty, or gone already
            for folder in path.relative_to(self._root).parents:
                if folder.name:
                    self._root.joinpath(folder).rmdir()

    def _keys(self, prefix: str) -> Iterator[str]:
        start = prefix.rpartition("/")[0]
        top = self._path(start) if start else self._root
        for folder, folders, files in os.walk(top):
            here = os.path.relpath(folder, self._root).replace(os.sep, "/")
            if here == ".":
                folders[:] = [name for name in folders if name != RESERVED_SEGMENT]
            keys = (name if here == "." else f"{here}/{name}" for name in files)
            yield from (key for key in keys if key.startswith(prefix))

    def sweep(self, now: float) -> int:
        """Remove half-written files an hour older than `now` (epoch seconds); return how many."""
        swept = 0
        for partial in self._incoming.glob("*"):
            with contextlib.suppress(OSError):  # another process was faster
                if partial.stat().st_mtime < now - _STALE_AFTER:
                    partial.unlink()
                    swept += 1
        return swept

    def _outage(self, what: str, key: str, error: OSError) -> RetryableError:
        reason = error.strerror or type(error).__name__
        return RetryableError(
            f"cannot {what} object {key!r} in {self._root}: {reason}; "
            "free space or mend the folder, then it goes on by itself"
        )


def _write_synced(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _make_folder(folder: Path) -> None:
    """Create `folder` and its parents, each entry durable."""
    if folder.is_dir():
        return
    if not folder.parent.is_dir():
        _make_folder(folder.parent)
    with contextlib.suppress(FileExistsError):
        folder.mkdir()
        _sync_folder(folder.parent)
    if folder.is_file():
        raise NotADirectoryError(folder)


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":  # folders cannot be synced there
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
