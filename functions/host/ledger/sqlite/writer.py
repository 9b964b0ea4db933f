"""One thread, group commit: whatever waits together is synced together.

Several processes share the file. SQLite's own busy handler sleeps in steps of milliseconds,
so writers queue on a file lock instead, which the kernel hands over at once and frees when its
holder dies, however it dies.

Work that need not be synced is done where it is asked for, on the event loop, whenever nobody
else writes at that moment: it waits for no disk, and the way to the thread and back takes as
long as the work.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import queue
import sqlite3
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from functions.host.ledger.sqlite.schema import migrate
from functions.host.ledger.unavailable import LedgerUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

T = TypeVar("T")
_MOST: Final = 256
LOG_KEPT: Final = 8 * 1024 * 1024
"""Bytes that the write-ahead log keeps on disk: twice what it has between two checkpoints."""


class Writer:
    """Runs write transactions for one process; `submit` returns once its work is on disk."""

    def __init__(self, path: str, max_pages: int = 0) -> None:
        self._path, self._max_pages = path, max_pages
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        self._lock = os.open(f"{path}-writers", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._durable = connect(path)
        self._brief = connect(path)
        self._brief.execute("PRAGMA synchronous = NORMAL")
        self._brief.execute("PRAGMA wal_autocheckpoint = 0")  # that one waits for the disk
        self._turn = threading.Lock()
        if max_pages:
            for connection in (self._durable, self._brief):
                connection.execute(f"PRAGMA max_page_count = {max_pages:d}")
        with self._turn, self._exclusive(self._durable):
            migrate(self._durable)
            self._durable.execute("COMMIT")
        self._jobs: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="ledger-writer", daemon=True)
        self._thread.start()

    async def submit(self, work: Callable[[sqlite3.Connection], T], *, promise: bool = True) -> T:
        """Run `work` in a transaction and return its result after the commit.

        With `promise` the commit is synced to disk first. Without, it outlives every process
        but not a power cut: right for what may as well not have happened, such as a claim.
        An exception of `work` rolls back its own changes alone. LedgerUnavailable: nothing of
        it was kept.
        """
        if not promise and (now := self._at_once(work)):
            good, value = now
            if good:
                return cast("T", value)
            raise value
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._jobs.put((work, future, loop, promise))
        return await future

    def close(self) -> None:
        """Finish what is queued, then let go of the file."""
        self._jobs.put(None)
        self._thread.join()
        self._durable.close()
        self._brief.close()
        os.close(self._lock)

    def _run(self) -> None:
        while (batch := self._gather()) is not None:
            outcomes = self._commit(batch)
            _deliver(batch, outcomes)

    def _gather(self) -> list[Any] | None:
        batch = [self._jobs.get()]
        with contextlib.suppress(queue.Empty):
            while batch[-1] is not None and len(batch) < _MOST:
                batch.append(self._jobs.get_nowait())
        if batch[-1] is None:
            self._jobs.put(None)  # seen again, and then alone, once this batch is done
            batch.pop()
        return batch or None

    def _at_once(self, work: Callable[[sqlite3.Connection], Any]) -> tuple[bool, Any] | None:
        """Do the work here and now; None when somebody else writes or waits to."""
        if not self._jobs.empty() or not self._turn.acquire(blocking=False):
            return None
        try:
            [outcome] = self._transact(self._brief, [work], fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return None
        finally:
            self._turn.release()
        return outcome

    def _commit(self, batch: list[Any]) -> list[tuple[bool, Any]]:
        connection = self._durable if any(job[3] for job in batch) else self._brief
        with self._turn:
            return self._transact(connection, [job[0] for job in batch], fcntl.LOCK_EX)

    def _transact(
        self,
        connection: sqlite3.Connection,
        works: list[Callable[[sqlite3.Connection], Any]],
        lock: int,
    ) -> list[tuple[bool, Any]]:
        try:
            with self._exclusive(connection, lock):
                if len(works) == 1:  # its own changes are all there is to roll back
                    outcomes = [(True, works[0](connection))]
                else:
                    outcomes = [_attempt(connection, work) for work in works]
                connection.execute("COMMIT")
        except BlockingIOError:
            raise
        except (sqlite3.Error, OSError) as error:
            return [(False, self._unavailable(error))] * len(works)
        except Exception as error:  # noqa: BLE001 - the one job's own: it travels to who submitted it
            return [(False, error)]
        return outcomes

    def _unavailable(self, error: Exception) -> LedgerUnavailable:
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
            remedy = "free some disk space"
            if self._max_pages:
                remedy += f", or raise TENDRIL_LEDGER_MAX_PAGES above {self._max_pages:d}"
            return LedgerUnavailable(f"no room left for the ledger {self._path}: {remedy}")
        return LedgerUnavailable(f"the ledger {self._path} cannot be written: {error}")

    @contextlib.contextmanager
    def _exclusive(
        self, connection: sqlite3.Connection, lock: int = fcntl.LOCK_EX
    ) -> Iterator[None]:
        fcntl.flock(self._lock, lock)
        try:
            connection.execute("BEGIN IMMEDIATE")
            yield
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            fcntl.flock(self._lock, fcntl.LOCK_UN)


def connect(path: str, *, read_only: bool = False) -> sqlite3.Connection:
    """Open the file for use on any one thread: WAL, every commit synced to disk."""
    connection = sqlite3.connect(
        path, isolation_level=None, check_same_thread=False, timeout=30, cached_statements=256
    )
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(f"PRAGMA journal_size_limit = {LOG_KEPT:d}")
    if read_only:
        connection.execute("PRAGMA query_only = ON")
    return connection


def _attempt(
    connection: sqlite3.Connection, work: Callable[[sqlite3.Connection], Any]
) -> tuple[bool, Any]:
    connection.execute("SAVEPOINT work")
    try:
        result = work(connection)
    except sqlite3.Error:
        raise  # the store failed, not the work: the whole batch is off
    except Exception as error:  # noqa: BLE001 - it travels to whoever submitted the work
        connection.execute("ROLLBACK TO work")
        connection.execute("RELEASE work")
        return False, error
    connection.execute("RELEASE work")
    return True, result


def _deliver(batch: list[Any], outcomes: list[tuple[bool, Any]]) -> None:
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Any], bool, Any]]] = {}
    for (_, future, loop, _), (good, value) in zip(batch, outcomes, strict=True):
        by_loop.setdefault(loop, []).append((future, good, value))
    for loop, settled in by_loop.items():
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(_resolve, settled)


def _resolve(settled: list[tuple[asyncio.Future[Any], bool, Any]]) -> None:
    for future, good, value in settled:
        if future.done():
            continue
        if good:
            future.set_result(value)
        else:
            future.set_exception(value)
