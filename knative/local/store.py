"""The broker's durable store: one writing thread, and one commit for all that waits for it.

Callers on the event loop hand over changes; the thread takes everything queued, commits once
(SQLite in WAL mode, synchronous=FULL: a commit is on disk) and reports back to the loop.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, Final

from knative.local import tables
from knative.local.tables import Change, Kept, Owed, StoreError

if TYPE_CHECKING:
    from pathlib import Path

_LOG: Final = logging.getLogger(__name__)

LAZY_SECONDS: Final = 0.05
"""How long a finished delivery may wait for a commit it can share."""
LAZY_LIMIT: Final = 512
MAX_GROUP: Final = 1024
"""Changes in one transaction at most: bounds how long the first one waits."""
SHRINK_EVERY: Final = 256

Committed = Callable[[StoreError | None], None]
"""Called on the event loop once a change is on disk (None) or failed."""


@dataclass(frozen=True, slots=True)
class _Write:
    change: Change
    committed: Committed | None


@dataclass(frozen=True, slots=True)
class _Read:
    seq: int
    future: Future[Kept | None]


class Store:
    """Holds what the broker accepted until it is delivered; used from one event loop."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._queue: SimpleQueue[_Write | _Read | None] = SimpleQueue()
        self._lazy = Change()
        self._lazy_timer: asyncio.TimerHandle | None = None
        self._thread: Thread | None = None
        self._commits = 0

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
        self._thread = Thread(target=self._run, name="broker-store", daemon=True)
        self._thread.start()
        return owed

    def event_number(self) -> int:
        """Return a number no stored event has."""
        self._next_event += 1
        return self._next_event - 1

    def delivery_number(self) -> int:
        """Return a number no stored delivery has."""
        self._next_delivery += 1
        return self._next_delivery - 1

    def write(self, change: Change, committed: Committed | None) -> None:
        """Make a change durable in the next group; `committed` hears how that went."""
        self._flush()
        self._queue.put(_Write(change, committed))

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
        """Read an event back; None when it is forgotten. Raises StoreError."""
        future: Future[Kept | None] = Future()
        self._queue.put(_Read(event, future))
        return await asyncio.wrap_future(future)

    async def close(self) -> None:
        """Write what is left, end the thread and close the file."""
        if self._thread is None:
            return
        self._flush()
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join)
        self._thread = None
        self._connection.close()

    def _flush_soon(self, waiting: int) -> None:
        if waiting >= LAZY_LIMIT:
            self._flush()
        elif self._lazy_timer is None:
            self._lazy_timer = self._loop.call_later(LAZY_SECONDS, self._flush)

    def _flush(self) -> None:
        if self._lazy_timer is None:
            return
        self._lazy_timer.cancel()
        self._lazy_timer = None
        self._queue.put(_Write(self._lazy, None))
        self._lazy = Change()

    def _run(self) -> None:
        late = Change()  # lazy changes that failed: tried again beside the next ones
        while True:
            group = self._take()
            writes = [entry for entry in group if isinstance(entry, _Write)]
            for entry in group:
                if isinstance(entry, _Read):
                    self._read(entry)
            if writes:
                late = self._commit(writes, late)
            if None in group:
                return

    def _take(self) -> list[_Write | _Read | None]:
        group = [self._queue.get()]
        try:
            while len(group) < MAX_GROUP and group[-1] is not None:
                group.append(self._queue.get_nowait())
        except Empty:
            pass
        return group

    def _read(self, entry: _Read) -> None:
        if not entry.future.set_running_or_notify_cancel():
            return
        try:
            entry.future.set_result(tables.load(self._connection, entry.seq))
        except sqlite3.Error as error:
            entry.future.set_exception(tables.translated(error, self._path))

    def _commit(self, writes: list[_Write], late: Change) -> Change:
        """Commit all as one; where that fails, each alone, those that make room first."""
        together = Change()
        together.add(late)
        for write in writes:
            together.add(write.change)
        error = self._applied(together)
        if error is None:
            self._report([(write, None) for write in writes])
            return Change()
        lazy = [write for write in writes if write.committed is None]
        for write in lazy:
            late.add(write.change)
        lost = self._applied(late) is not None
        asked = [write for write in writes if write.committed is not None]
        self._report([(write, self._applied(write.change)) for write in asked])
        return late if lost else Change()

    def _applied(self, change: Change) -> StoreError | None:
        try:
            tables.apply(self._connection, change)
        except sqlite3.Error as error:
            _LOG.warning("broker store: %s", error)
            return tables.translated(error, self._path)
        except Exception as error:  # noqa: BLE001 - the thread outlives whatever one change holds
            _LOG.exception("broker store: a change that SQLite cannot take")
            return StoreError(f"{self._path}: {error}")
        self._shrink_sometimes()
        return None

    def _shrink_sometimes(self) -> None:
        self._commits += 1
        if self._commits % SHRINK_EVERY == 0:
            with suppress(sqlite3.Error):  # a full disk: the next time will do
                tables.shrink(self._connection)

    def _report(self, results: list[tuple[_Write, StoreError | None]]) -> None:
        heard = [(write.committed, error) for write, error in results if write.committed]
        if heard:
            self._loop.call_soon_threadsafe(_tell, heard)


def _tell(heard: list[tuple[Committed, StoreError | None]]) -> None:
    for committed, error in heard:
        committed(error)
