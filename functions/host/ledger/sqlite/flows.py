"""Flows and doors in SQLite; each function is one transaction's work."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
import semver

from functions.host.ledger.rows.flow import DoorRow, FlowRow, Schedule
from functions.host.ledger.sqlite import listens

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from events.flow.listening import Shape
    from functions.host.ledger.port.flows import Deployed

_COLUMNS = (
    "digest, namespace, name, version, title, definition, source, functions, deployed_at, imports"
)


def deploy(
    db: sqlite3.Connection,
    flow: FlowRow,
    doors: Sequence[DoorRow],
    schedules: Sequence[Schedule],
    shapes: Sequence[Shape],
) -> Deployed:
    """Insert a version and move the doors to the newest one; others gather no more."""
    if known := _known(db, flow):
        return "same" if known == flow.digest else "conflict"
    _insert(db, flow)
    _open_doors(db, flow.digest, doors)
    _insert_schedules(db, schedules)
    listens.shape(db, shapes)
    _mark_newest(db, flow.namespace, flow.name)
    return "created"


def _known(db: sqlite3.Connection, flow: FlowRow) -> str | None:
    """Return the digest that this version was deployed with, if it was."""
    row = db.execute(
        "SELECT digest FROM flows WHERE namespace = ? AND name = ? AND version = ?",
        (flow.namespace, flow.name, flow.version),
    ).fetchone()
    return row[0] if row else None


def _insert(db: sqlite3.Connection, flow: FlowRow) -> None:
    db.execute(
        f"INSERT INTO flows ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - constant names
        (
            flow.digest,
            flow.namespace,
            flow.name,
            flow.version,
            flow.title,
            orjson.dumps(flow.definition).decode(),
            flow.source,
            orjson.dumps(flow.functions).decode(),
            flow.deployed_at,
            orjson.dumps(flow.imports).decode(),
        ),
    )


def _open_doors(db: sqlite3.Connection, digest: str, doors: Sequence[DoorRow]) -> None:
    db.executemany(
        "INSERT INTO doors (digest, type, filter, number, of) VALUES (?, ?, ?, ?, ?)",
        [
            (digest, each.type, orjson.dumps(each.filter).decode(), each.number, each.of)
            for each in doors
        ],
    )


def _insert_schedules(db: sqlite3.Connection, schedules: Sequence[Schedule]) -> None:
    db.executemany(
        "INSERT INTO schedules VALUES (?, ?, ?, ?, ?)",
        [(each.digest, each.kind, each.spec, each.due_at, each.run) for each in schedules],
    )


def scheduled(db: sqlite3.Connection, now: float) -> list[Schedule]:
    """Return what a clock has to do something about."""
    rows = db.execute(
        "SELECT s.digest, s.kind, s.spec, s.due_at, s.run, r.ended_at FROM schedules s "
        "JOIN flows f ON f.digest = s.digest AND f.newest = 1 LEFT JOIN runs r ON r.id = s.run "
        "WHERE s.due_at <= ? OR (s.due_at IS NULL AND r.ended_at IS NOT NULL) ORDER BY s.due_at",
        (now,),
    ).fetchall()
    return [Schedule(*row) for row in rows]


def reschedule(
    db: sqlite3.Connection, seen: Schedule, due_at: float | None, run: str | None
) -> bool:
    """Compare and set."""
    done = db.execute(
        "UPDATE schedules SET due_at = ?, run = ? "
        "WHERE digest = ? AND kind = ? AND due_at IS ? AND run IS ?",
        (due_at, run, seen.digest, seen.kind, seen.due_at, seen.run),
    )
    return done.rowcount == 1


def _mark_newest(db: sqlite3.Connection, namespace: str, name: str) -> None:
    rows = db.execute(
        "SELECT version, digest FROM flows WHERE namespace = ? AND name = ?", (namespace, name)
    ).fetchall()
    newest = max(rows, key=lambda row: semver.Version.parse(row[0]))[1]
    db.execute(
        "UPDATE flows SET newest = (digest = ?) WHERE namespace = ? AND name = ?",
        (newest, namespace, name),
    )
    db.execute(
        "UPDATE gathering SET looked = 0 WHERE digest IN "
        "(SELECT digest FROM flows WHERE namespace = ? AND name = ? AND newest = 0)",
        (namespace, name),
    )


def by_digest(db: sqlite3.Connection, digest: str) -> FlowRow | None:
    """Return one flow."""
    return _one(db, "WHERE digest = ?", (digest,))


def named(db: sqlite3.Connection, namespace: str, name: str, version: str | None) -> FlowRow | None:
    """Return a version, or the newest."""
    if version is None:
        return _one(db, "WHERE namespace = ? AND name = ? AND newest = 1", (namespace, name))
    return _one(db, "WHERE namespace = ? AND name = ? AND version = ?", (namespace, name, version))


def every(db: sqlite3.Connection) -> list[FlowRow]:
    """Return all versions."""
    rows = db.execute(f"SELECT {_COLUMNS} FROM flows").fetchall()  # noqa: S608 - constant names
    flows = [_flow(row) for row in rows]
    return sorted(flows, key=lambda f: (f.namespace, f.name, semver.Version.parse(f.version)))


def doors(db: sqlite3.Connection, event_type: str) -> list[DoorRow]:
    """Return the newest versions' doors for a type, and those whose type is no constant."""
    rows = db.execute(
        "SELECT d.digest, f.namespace, f.name, d.type, d.filter, d.number, d.of FROM doors d "
        "JOIN flows f ON f.digest = d.digest AND f.newest = 1 "
        "WHERE d.type = ? OR d.type IS NULL",
        (event_type,),
    ).fetchall()
    return [
        DoorRow(digest, namespace, name, kind, orjson.loads(text), number, of)
        for digest, namespace, name, kind, text, number, of in rows
    ]


def _one(db: sqlite3.Connection, where: str, arguments: tuple[str, ...]) -> FlowRow | None:
    row = db.execute(f"SELECT {_COLUMNS} FROM flows {where}", arguments).fetchone()  # noqa: S608 - constants
    return _flow(row) if row else None


def _flow(row: tuple[object, ...]) -> FlowRow:
    values = list(row)
    for packed in (5, 7, 9):
        values[packed] = orjson.loads(str(values[packed]))
    return FlowRow(*values)  # type: ignore[arg-type]
