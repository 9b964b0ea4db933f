"""Flows and doors in PostgreSQL; each function is one transaction's work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson
import semver

from functions.host.ledger.postgres import gatherings, listens
from functions.host.ledger.postgres.schema import LOCK
from functions.host.ledger.rows.flow import DoorRow, FlowRow, Schedule

if TYPE_CHECKING:
    from collections.abc import Sequence

    from events.flow.listening import Shape
    from functions.host.ledger.port.flows import Deployed
    from functions.host.ledger.postgres.connections import Database

_COLUMNS: Final = (
    "digest, namespace, name, version, title, definition, source, functions, deployed_at, imports"
)


async def deploy(
    db: Database,
    flow: FlowRow,
    doors: Sequence[DoorRow],
    schedules: Sequence[Schedule],
    shapes: Sequence[Shape],
) -> Deployed:
    """Insert a version and move the doors to the newest one; others gather no more.

    This is done one at a time for a flow's name.
    """
    await db.execute(
        "SELECT pg_advisory_xact_lock(%s, hashtext(%s))", (LOCK, f"{flow.namespace}/{flow.name}")
    )
    if known := await _known(db, flow):
        return "same" if known == flow.digest else "conflict"
    await _insert(db, flow)
    await _open_doors(db, flow.digest, doors)
    for schedule in schedules:
        await _insert_schedule(db, schedule)
    await listens.shape(db, shapes)
    await _mark_newest(db, flow.namespace, flow.name)
    return "created"


async def _known(db: Database, flow: FlowRow) -> str | None:
    """Return the digest that this version was deployed with, if it was."""
    found = await db.execute(
        "SELECT digest FROM flows WHERE namespace = %s AND name = %s AND version = %s",
        (flow.namespace, flow.name, flow.version),
    )
    row = await found.fetchone()
    return row[0] if row else None


async def _insert(db: Database, flow: FlowRow) -> None:
    await db.execute(
        f"INSERT INTO flows ({_COLUMNS}) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",  # noqa: S608
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


async def _open_doors(db: Database, digest: str, doors: Sequence[DoorRow]) -> None:
    if doors:
        await db.cursor().executemany(
            'INSERT INTO doors (digest, type, filter, number, "of") VALUES (%s, %s, %s, %s, %s)',
            [
                (digest, each.type, orjson.dumps(each.filter).decode(), each.number, each.of)
                for each in doors
            ],
        )


async def _insert_schedule(db: Database, schedule: Schedule) -> None:
    await db.execute(
        "INSERT INTO schedules (digest, kind, spec, due_at, run) VALUES (%s, %s, %s, %s, %s)",
        (schedule.digest, schedule.kind, schedule.spec, schedule.due_at, schedule.run),
    )


async def scheduled(db: Database, now: float) -> list[Schedule]:
    """Return what a clock has to do something about."""
    found = await db.execute(
        "SELECT s.digest, s.kind, s.spec, s.due_at, s.run, r.ended_at FROM schedules s "
        "JOIN flows f ON f.digest = s.digest AND f.newest LEFT JOIN runs r ON r.id = s.run "
        "WHERE s.due_at <= %s OR (s.due_at IS NULL AND r.ended_at IS NOT NULL) "
        "ORDER BY s.due_at NULLS FIRST",
        (now,),
    )
    return [Schedule(*row) for row in await found.fetchall()]


async def reschedule(db: Database, seen: Schedule, due_at: float | None, run: str | None) -> bool:
    """Compare and set."""
    done = await db.execute(
        "UPDATE schedules SET due_at = %s, run = %s WHERE digest = %s AND kind = %s "
        "AND due_at IS NOT DISTINCT FROM %s AND run IS NOT DISTINCT FROM %s RETURNING 1",
        (due_at, run, seen.digest, seen.kind, seen.due_at, seen.run),
    )
    return await done.fetchone() is not None


async def _mark_newest(db: Database, namespace: str, name: str) -> None:
    found = await db.execute(
        "SELECT version, digest FROM flows WHERE namespace = %s AND name = %s", (namespace, name)
    )
    rows = await found.fetchall()
    newest = max(rows, key=lambda row: semver.Version.parse(row[0]))[1]
    await db.execute(
        "UPDATE flows SET newest = (digest = %s) WHERE namespace = %s AND name = %s",
        (newest, namespace, name),
    )
    older = [digest for _, digest in rows if digest != newest]
    await gatherings.hold(db, older)
    await db.execute("UPDATE gathering SET looked = false WHERE digest = ANY(%s)", (older,))


async def by_digest(db: Database, digest: str) -> FlowRow | None:
    """Return one flow."""
    return await _one(db, "WHERE digest = %s", (digest,))


async def named(db: Database, namespace: str, name: str, version: str | None) -> FlowRow | None:
    """Return a version, or the newest."""
    if version is None:
        return await _one(db, "WHERE namespace = %s AND name = %s AND newest", (namespace, name))
    where = "WHERE namespace = %s AND name = %s AND version = %s"
    return await _one(db, where, (namespace, name, version))


async def every(db: Database) -> list[FlowRow]:
    """Return all versions."""
    found = await db.execute(f"SELECT {_COLUMNS} FROM flows")  # noqa: S608 - constant
    flows = [FlowRow(*row) for row in await found.fetchall()]
    return sorted(flows, key=lambda f: (f.namespace, f.name, semver.Version.parse(f.version)))


async def doors(db: Database, event_type: str) -> list[DoorRow]:
    """Return the newest versions' doors for a type, and those whose type is no constant."""
    found = await db.execute(
        'SELECT d.digest, f.namespace, f.name, d.type, d.filter, d.number, d."of" FROM doors d '
        "JOIN flows f ON f.digest = d.digest AND f.newest "
        "WHERE d.type = %s OR d.type IS NULL",
        (event_type,),
    )
    return [DoorRow(*row) for row in await found.fetchall()]


async def _one(db: Database, where: str, arguments: tuple[Any, ...]) -> FlowRow | None:
    found = await db.execute(f"SELECT {_COLUMNS} FROM flows {where}", arguments)  # noqa: S608 - constants
    row = await found.fetchone()
    return FlowRow(*row) if row else None
