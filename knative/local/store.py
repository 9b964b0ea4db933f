"""The broker's durable store: one commit for all that waits for it.

Changes are staged on the event loop, which takes microseconds, and committed by a thread,
which waits for the disk (SQLite in WAL mode, synchronous=FULL: a commit is on disk). What
arrives meanwhile is the next group. The thread does nothing else on purpose: each statement
would have it wait for the interpreter's lock, which a busy event loop hands over late.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from queue import SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, Final

from knative.local import tables
from knative.local.tables import Change, Kept, Owed, StoreError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Committed = Callable[[StoreError | None], None]
    """Called on the event loop once a change is on disk (None) or failed."""

_LOG: Final = logging.getLogger(__name__)

LAZY_SECONDS: Final = 0.05
"""How long a finished delivery may wait for a commit it can share."""
LAZY_LIMIT: Final = 512
MAX_GROUP: Final = 512
"""Changes in one transaction at most: bounds how long staging holds the event loop."""
SHRINK_EVERY: Final = 256


@dataclass(slots=True)
class _Write:
    """A change; nobody waits for a lazy one, whose `committed` is None."""

    change: Change
    committed: Committed | None


@dataclass(frozen=True, slots=True)
class _Read:
    seq: int
    future: asyncio.Future[Kept | None]


class Store:
    """Holds what the broker accepted until it is delivered; used from one event loop."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lazy = Change()
        self._lazy_timer: asyncio.TimerHandle | None = None
        self._reads: list[_Read] = []
        self._measures: list[asyncio.Future[int]] = []
        self._waiting: deque[_Write] = deque()
        self._alone: deque[_Write] = deque()
        self._group: list[_Write] = []
        self._idle = asyncio.Event()
        self._idle.set()
        self._commits = 0
        self._thread: Thread | None = None
        self._orders: SimpleQueue[bool] = SimpleQueue()

    def open(self) -> list[Owed]:
        """Open the file, start the thread and return the deliveries still owed, oldest first.

        Raises StoreError when the file cannot be used.
        """
        self._connection = tables.connect(self._path)
        try:
            owed = tables.resume(self._connection)
            [[last]] = self._connection.execute("SELECT coalesce(max(seq), 0) FROM events")
        except sqlite3.Error as error:
            self._connection.close()
            raise tables.translated(error, self._path) from error
        self._next_event = int(last) + 1
        self._next_delivery = owed[-1].id + 1 if owed else 1
        self._loop = asyncio.get_running_loop()
        self._thread = Thread(target=self._commit, name="broker-store", daemon=True)
        self._thread.start()
        return owed

    def partitions(self) -> dict[int, str]:
        """Return the partition keys of the stored events that have one; only before any write."""
        return tables.partitions(self._connection)

    def event_number(self) -> int:
        """Return a number no stored event has."""
        self._next_event += 1
        return self._next_event - 1

    def delivery_number(self) -> int:
        """Return a number no stored delivery has."""
        self._next_delivery += 1
        return self._next_delivery - 1

    def write(self, change: Change, committed: Committed) -> None:
        """Make a change durable in the next group; `committed` hears how that went."""
        self._flush()
        self._waiting.append(_Write(change, committed))
        self._begin_soon()

    def update(self, owed: Owed) -> None:
        """Note a delivery's new state. Losing this only means another attempt."""
        self._lazy.updates.append(owed)
        self._flush_soon(len(self._lazy.updates))

    def finish(self, delivery: int) -> None:
        """Drop a delivery that is done. Losing this only means a redelivery."""
        self._lazy.finished.append(delivery)
        self._flush_soon(len(self._lazy.finished))

    def forget(self, event: int) -> None:
        """Drop an event whose deliveries are all done."""
        self._lazy.forgotten.append(event)
        self._flush_soon(len(self._lazy.forgotten))

    async def load(self, event: int) -> Kept | None:
        """Read an event back; None when it is forgotten or was never written.

        What waits to be written is waited for. Raises StoreError.
        """
        future: asyncio.Future[Kept | None] = self._loop.create_future()
        self._reads.append(_Read(event, future))
        self._begin_soon()
        return await future

    async def used(self) -> int:
        """Return the bytes that what is stored takes in the file. Raises StoreError."""
        future: asyncio.Future[int] = self._loop.create_future()
        self._measures.append(future)
        self._begin_soon()
        return await future

    async def close(self) -> None:
        """Write what is left, end the thread and close the file."""
        if self._thread is None:
            return
        self._flush()
        await self._idle.wait()
        self._orders.put(False)  # noqa: FBT003 - no further commit
        await asyncio.to_thread(self._thread.join)
        self._thread = None
        self._connection.close()

    def _flush_soon(self, waiting: int) -> None:
        if waiting >= LAZY_LIMIT:
            self._flush()
        elif self._lazy_timer is None:
            self._lazy_timer = self._loop.call_later(LAZY_SECONDS, self._flush)

    def _flush(self) -> None:
        if self._lazy_timer is not None:
            self._lazy_timer.cancel()
            self._lazy_timer = None
        if not self._lazy.empty:
            self._waiting.append(_Write(self._lazy, None))
            self._lazy = Change()
            self._begin_soon()

    def _begin_soon(self) -> None:
        """Begin in the loop's next turn, unless a group is on its way: its end begins the next."""
        if self._idle.is_set():
            self._idle.clear()
            self._loop.call_soon(self._begin)

    def _begin(self) -> None:
        """Stage the next group and have it committed; the connection is the loop's till then."""
        self._read()
        self._measure()
        while self._waiting or self._alone:
            self._group = self._next_group()
            together = Change()
            for write in self._group:
                together.add(write.change)
            error = self._staged(together)
            if error is None:
                self._orders.put(True)  # noqa: FBT003 - commit
                return
            self._failed(error)
        self._read()  # what waited for a change that failed
        self._idle.set()

    def _next_group(self) -> list[_Write]:
        if self._alone:
            return [self._alone.popleft()]
        return [self._waiting.popleft() for _ in range(min(MAX_GROUP, len(self._waiting)))]

    def _read(self) -> None:
        reads, self._reads = self._reads, []
        for read in reads:
            if read.future.done():
                continue
            try:
                kept = tables.load(self._connection, read.seq)
            except sqlite3.Error as error:
                read.future.set_exception(tables.translated(error, self._path))
                continue
            if kept is None and (self._waiting or self._alone):
                self._reads.append(read)  # it may be among them
            else:
                read.future.set_result(kept)

    def _measure(self) -> None:
        measures, self._measures = self._measures, []
        for future in measures:
            if future.done():
                continue
            try:
                future.set_result(tables.used(self._connection))
            except sqlite3.Error as error:
                future.set_exception(tables.translated(error, self._path))

    def _staged(self, change: Change) -> StoreError | None:
        try:
            tables.stage(self._connection, change)
        except sqlite3.Error as error:
            return tables.translated(error, self._path)
        except Exception as error:  # noqa: BLE001 - the store outlives whatever one change holds
            return StoreError(f"{self._path}: {error}")
        return None

    def _commit(self) -> None:
        """Be the thread: commit when told, report to the loop."""
        while self._orders.get():
            failure: sqlite3.Error | None = None
            try:
                self._connection.commit()
            except sqlite3.Error as error:
                failure = error
            else:
                self._shrink_sometimes()
            self._loop.call_soon_threadsafe(self._committed, failure)

    def _shrink_sometimes(self) -> None:
        self._commits += 1
        if self._commits % SHRINK_EVERY == 0:
            with suppress(sqlite3.Error):  # a full disk: the next time will do
                tables.shrink(self._connection)

    def _committed(self, failure: sqlite3.Error | None) -> None:
        if failure is None:
            for write in self._group:
                if write.committed is not None:
                    self._loop.call_soon(write.committed, None)
            self._group = []  # what is on disk need not stay in memory
        else:
            self._connection.rollback()
            self._failed(tables.translated(failure, self._path))
        self._begin()

    def _failed(self, error: StoreError) -> None:
        """Try each change of a failed group alone, those that make room first."""
        if len(self._group) > 1:
            lazy_first = sorted(self._group, key=lambda write: write.committed is not None)
            self._alone.extend(lazy_first)
            return
        [write] = self._group
        _LOG.warning("broker store: %s", error)
        if write.committed is None:
            self._lazy.add(write.change)  # for the next group
        else:
            self._loop.call_soon(write.committed, error)
