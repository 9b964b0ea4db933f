"""The broker's tables in SQLite: one row for an event, one for each delivery it still owes."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import orjson

from events.envelope import Event
from knative.local.exchange import Failure

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS events (
    seq INTEGER PRIMARY KEY, broker TEXT NOT NULL, ttl INTEGER NOT NULL,
    attributes BLOB NOT NULL, data BLOB
) STRICT;
CREATE TABLE IF NOT EXISTS deliveries (
    id INTEGER PRIMARY KEY, event INTEGER NOT NULL, trigger TEXT NOT NULL,
    attempt INTEGER NOT NULL DEFAULT 0, due REAL NOT NULL DEFAULT 0, failure BLOB
) STRICT;
"""
MAX_ROWS: Final = 128
"""Rows of one INSERT."""

FREE_PAGES: Final = 1024
"""Unused pages the file may keep for the next burst; beyond them it shrinks."""


class StoreError(Exception):
    """The broker's store failed, so nothing was stored; the message says how."""


class StoreFull(StoreError):  # noqa: N818 - a state, and the name of SQLite's own
    """There is no room left on the disk; what was asked may succeed once there is."""


@dataclass(frozen=True, slots=True)
class Kept:
    """An event as the broker keeps it: without its TTL, which travels beside it."""

    seq: int
    broker: str
    ttl: int
    event: Event


@dataclass(frozen=True, slots=True)
class Owed:
    """A delivery's row: the state that survives a restart.

    `attempt` counts those made, at the sink since `failure` was set; `due` is a Unix time.
    """

    id: int
    event: int
    trigger: str
    attempt: int = 0
    due: float = 0.0
    failure: Failure | None = None


@dataclass(slots=True)
class Change:
    """What one transaction does, in this order."""

    events: list[Kept] = field(default_factory=list)
    deliveries: list[Owed] = field(default_factory=list)
    updates: list[Owed] = field(default_factory=list)
    finished: list[int] = field(default_factory=list)
    forgotten: list[int] = field(default_factory=list)

    @property
    def empty(self) -> bool:
        """Whether it does nothing."""
        return not (
            self.events or self.deliveries or self.updates or self.finished or self.forgotten
        )

    def add(self, other: Change) -> None:
        """Take over what another one does."""
        self.events += other.events
        self.deliveries += other.deliveries
        self.updates += other.updates
        self.finished += other.finished
        self.forgotten += other.forgotten


def connect(path: Path) -> sqlite3.Connection:
    """Open the store for this process alone; raises StoreError."""
    try:
        connection = sqlite3.connect(
            path, timeout=1.0, isolation_level=None, check_same_thread=False
        )
        for pragma in (
            "auto_vacuum = INCREMENTAL",
            "locking_mode = EXCLUSIVE",
            "journal_mode = WAL",
            "synchronous = FULL",
            "journal_size_limit = 4194304",
        ):
            connection.execute(f"PRAGMA {pragma}")
        connection.executescript(SCHEMA)
    except sqlite3.Error as error:
        raise translated(error, path) from error
    return connection


def resume(connection: sqlite3.Connection) -> list[Owed]:
    """Return every delivery still owed, oldest first; drop events nobody waits for."""
    connection.execute("DELETE FROM events WHERE seq NOT IN (SELECT event FROM deliveries)")
    connection.execute("DELETE FROM deliveries WHERE event NOT IN (SELECT seq FROM events)")
    rows = connection.execute(
        "SELECT id, event, trigger, attempt, due, failure FROM deliveries ORDER BY id"
    )
    return [
        Owed(number, event, trigger, attempt, due, _failure(blob))
        for number, event, trigger, attempt, due, blob in rows
    ]


def partitions(connection: sqlite3.Connection) -> dict[int, str]:
    """Return the `partitionkey` of each event that has one."""
    key = "json_extract(CAST(attributes AS TEXT), '$.partitionkey')"
    statement = f"SELECT seq, {key} AS key FROM events WHERE key IS NOT NULL"  # noqa: S608 - our own words
    return {seq: str(partition) for seq, partition in connection.execute(statement)}


def load(connection: sqlite3.Connection, seq: int) -> Kept | None:
    """Return one event; None when it is forgotten already."""
    row = connection.execute(
        "SELECT broker, ttl, attributes, data FROM events WHERE seq = ?", (seq,)
    ).fetchone()
    if row is None:
        return None
    broker, ttl, attributes, data = row
    return Kept(seq, broker, ttl, Event(MappingProxyType(orjson.loads(attributes)), data))


def stage(connection: sqlite3.Connection, change: Change) -> None:
    """Write a change in a transaction that is left open for the commit; undo it where it fails."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        _insert(connection, "events", map(_event_row, change.events))
        _insert(connection, "deliveries", map(_delivery_row, change.deliveries))
        if change.updates:
            statement = "UPDATE deliveries SET attempt = ?, due = ?, failure = ? WHERE id = ?"
            connection.executemany(statement, map(_update_row, change.updates))
        _delete(connection, "deliveries", "id", change.finished)
        _delete(connection, "events", "seq", change.forgotten)
    except Exception:
        connection.rollback()
        raise


def used(connection: sqlite3.Connection) -> int:
    """Return the bytes that rows take, without the pages that wait to be used again."""
    counts = [
        connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("page_count", "freelist_count", "page_size")
    ]
    pages, unused, size = map(int, counts)
    return (pages - unused) * size


def shrink(connection: sqlite3.Connection) -> None:
    """Give pages that nothing uses back to the file system."""
    [[free]] = connection.execute("PRAGMA freelist_count").fetchall()
    if free > FREE_PAGES:
        # The pragma frees a page for each row fetched.
        connection.execute(f"PRAGMA incremental_vacuum({min(free - FREE_PAGES, 2048)})").fetchall()


def translated(error: sqlite3.Error, path: Path) -> StoreError:
    """Return the store's own error for SQLite's."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_FULL:
        return StoreFull(f"no room left for {path}: free some disk space")
    if code == sqlite3.SQLITE_BUSY:
        return StoreError(f"{path} is in use by another process: stop that one first")
    return StoreError(f"{path}: {error}")


def _insert(connection: sqlite3.Connection, table: str, rows: Iterable[tuple[Any, ...]]) -> None:
    for chunk in _chunks(list(rows)):
        row = f"({', '.join('?' * len(chunk[0]))})"
        statement = f"INSERT INTO {table} VALUES {', '.join([row] * len(chunk))}"  # noqa: S608 - our own names
        connection.execute(statement, [value for each in chunk for value in each])


def _chunks(rows: list[tuple[Any, ...]]) -> Iterator[list[tuple[Any, ...]]]:
    """Split into powers of two, so that few statements are ever compiled."""
    start = 0
    while left := len(rows) - start:
        size = min(MAX_ROWS, 1 << (left.bit_length() - 1))
        yield rows[start : start + size]
        start += size


def _delete(connection: sqlite3.Connection, table: str, column: str, keys: Sequence[int]) -> None:
    if keys:
        statement = f"DELETE FROM {table} WHERE {column} IN (SELECT value FROM json_each(?))"  # noqa: S608 - our own names
        connection.execute(statement, (orjson.dumps(keys).decode(),))


def _event_row(kept: Kept) -> tuple[Any, ...]:
    attributes = orjson.dumps(dict(kept.event.attributes))
    return kept.seq, kept.broker, kept.ttl, attributes, kept.event.data


def _delivery_row(owed: Owed) -> tuple[Any, ...]:
    return owed.id, owed.event, owed.trigger, owed.attempt, owed.due, _failure_blob(owed.failure)


def _update_row(owed: Owed) -> tuple[Any, ...]:
    return owed.attempt, owed.due, _failure_blob(owed.failure), owed.id


def _failure_blob(failure: Failure | None) -> bytes | None:
    return None if failure is None else orjson.dumps(failure)


def _failure(blob: bytes | None) -> Failure | None:
    return None if blob is None else Failure(**orjson.loads(blob))
