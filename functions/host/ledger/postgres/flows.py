"""Flows and doors in PostgreSQL; each function is one transaction's work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson
import semver

from functions.host.ledger.postgres.schema import LOCK
from functions.host.ledger.rows import Door, FlowRow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functions.host.ledger.port import Deployed
    from functions.host.ledger.postgres.connections import Database

_COLUMNS: Final = (
    "digest, namespace, name, version, title, definition, source, functions, deployed_at"
)


async def deploy(db: Database, flow: FlowRow, doors: Sequence[Door]) -> Deployed:
    """Insert a version and move the doors to the newest one; one at a time for a flow's name."""
    await db.execute(
        "SELECT pg_advisory_xact_lock(%s, hashtext(%s))", (LOCK, f"{flow.namespace}/{flow.name}")
    )
    found = await db.execute(
        "SELECT digest FROM flows WHERE namespace = %s AND name = %s AND version = %s",
        (flow.namespace, flow.name, flow.version),
    )
    if known := await found.fetchone():
        return "same" if known[0] == flow.digest else "conflict"
    await db.execute(
        f"INSERT INTO flows ({_COLUMNS}) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",  # noqa: S608
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
        ),
    )
    if doors:
        await db.cursor().executemany(
            "INSERT INTO doors (digest, type, filter) VALUES (%s, %s, %s)",
            [(flow.digest, door.type, orjson.dumps(door.filter).decode()) for door in doors],
        )
    await _mark_newest(db, flow.namespace, flow.name)
    return "created"


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


async def doors(db: Database, event_type: str) -> list[Door]:
    """Return the newest versions' doors for a type, and those whose type is no constant."""
    found = await db.execute(
        "SELECT d.digest, f.namespace, f.name, d.type, d.filter FROM doors d "
        "JOIN flows f ON f.digest = d.digest AND f.newest "
        "WHERE d.type = %s OR d.type IS NULL",
        (event_type,),
    )
    return [Door(*row) for row in await found.fetchall()]


async def _one(db: Database, where: str, arguments: tuple[Any, ...]) -> FlowRow | None:
    found = await db.execute(f"SELECT {_COLUMNS} FROM flows {where}", arguments)  # noqa: S608 - constants
    row = await found.fetchone()
    return FlowRow(*row) if row else None
