"""The embedded object store: a file per object in one folder.

Paths are strings here. The first releases of Python 3.12 never forget a name that `pathlib` has
seen (python/cpython, issue 113993), and every object has names of its own.
"""

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
        self._root = os.path.abspath(root)
        self._incoming = os.path.join(self._root, RESERVED_SEGMENT)
        self._opened = False

    async def put(self, key: str, data: bytes) -> None:
        """Store `data` under `key`."""
        path = self._path(key)
        await asyncio.to_thread(self._put, key, path, data)

    async def get(self, key: str) -> bytes:
        """Return the object's bytes."""
        path = self._path(key)
        try:
            return await asyncio.to_thread(_read, path)
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            raise ObjectMissing(key, self._root) from None
        except OSError as error:
            raise self._outage("read", key, error) from error

    async def delete(self, key: str) -> None:
        """Remove the object and the folders that it leaves empty."""
        path = self._path(key)
        await asyncio.to_thread(self._delete, key, path)

    async def exists(self, key: str) -> bool:
        """Tell whether there is an object of this key."""
        return await asyncio.to_thread(os.path.isfile, self._path(key))

    async def list(self, prefix: str) -> list[str]:
        """Return the sorted keys that start with `prefix`."""
        return await asyncio.to_thread(lambda: sorted(self._keys(prefix)))

    def _path(self, key: str) -> str:
        return os.path.join(self._root, *check_key(key).split("/"))

    def _put(self, key: str, path: str, data: bytes) -> None:
        try:
            self._open()
            partial = os.path.join(self._incoming, uuid.uuid4().hex)
            try:
                _write_synced(partial, data)
                self._move(partial, path)
            finally:
                with contextlib.suppress(FileNotFoundError):  # moved
                    os.unlink(partial)
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

    def _move(self, partial: str, path: str) -> None:
        folder = os.path.dirname(path)
        for _ in range(_RACES):
            with contextlib.suppress(FileNotFoundError):  # a delete pruned the folder in between
                _make_folder(folder)
                os.replace(partial, path)
                break
        else:
            raise FileNotFoundError(path)
        with contextlib.suppress(FileNotFoundError):  # deleted and pruned already
            _sync_folder(folder)

    def _delete(self, key: str, path: str) -> None:
        try:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
        except OSError as error:
            if os.path.isdir(path) or isinstance(error, NotADirectoryError):
                return  # a folder of other keys, or below another object: no such object
            raise self._outage("delete", key, error) from error
        folder = os.path.dirname(path)
        with contextlib.suppress(OSError):  # not empty, or gone already
            while folder != self._root:
                os.rmdir(folder)
                folder = os.path.dirname(folder)

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
        with os.scandir(self._incoming) as found:
            for partial in found:
                with contextlib.suppress(OSError):  # another process was faster
                    if partial.stat().st_mtime < now - _STALE_AFTER:
                        os.unlink(partial.path)
                        swept += 1
        return swept

    def _outage(self, what: str, key: str, error: OSError) -> RetryableError:
        reason = error.strerror or type(error).__name__
        return RetryableError(
            f"cannot {what} object {key!r} in {self._root}: {reason}; "
            "free space or mend the folder, then it goes on by itself"
        )


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def _write_synced(path: str, data: bytes) -> None:
    with open(path, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _make_folder(folder: str) -> None:
    """Create `folder` and its parents, each entry durable."""
    if os.path.isdir(folder):
        return
    parent = os.path.dirname(folder)
    if not os.path.isdir(parent):
        _make_folder(parent)
    with contextlib.suppress(FileExistsError):
        os.mkdir(folder)
        _sync_folder(parent)
    if os.path.isfile(folder):
        raise NotADirectoryError(folder)


def _sync_folder(folder: str) -> None:
    if os.name == "nt":  # folders cannot be synced there
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
