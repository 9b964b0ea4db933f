"""The tables of the ledger on PostgreSQL: `migrations/` in order, applied by yoyo.

A host that finds them as it knows them loads no migration library. Hosts that start at once
queue on an advisory lock, which PostgreSQL lets go of when its holder dies.
"""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import psycopg

from functions.host.ledger.rows.run import RunRow
from functions.host.ledger.rows.task import TaskRow
from functions.host.ledger.unavailable import LedgerUnavailable

if TYPE_CHECKING:
    from psycopg import AsyncConnection

TASK: Final = tuple(field.name for field in fields(TaskRow))
"""The columns of a task, in the order of TaskRow's fields."""
RUN: Final = tuple(field.name for field in fields(RunRow))
"""The columns of a run, in the order of RunRow's fields."""
LOCK: Final = 0x74656E64
"""Our advisory locks' class: `tend` in ASCII; other programs may share the database."""
_FOLDER: Final = Path(__file__).parent / "migrations"
_APPLIED: Final = "_yoyo_migration"


async def stands(db: AsyncConnection[Any]) -> bool:
    """Return whether the tables are those this Tendril knows; LedgerUnavailable: newer ones."""
    known = {file.stem for file in _FOLDER.glob("*.sql")}
    found = await (await db.execute("SELECT to_regclass(%s) IS NOT NULL", (_APPLIED,))).fetchone()
    if not found or not found[0]:
        return False
    rows = await (await db.execute(f"SELECT migration_id FROM {_APPLIED}")).fetchall()  # noqa: S608 - constant
    applied = {row[0] for row in rows}
    if strange := applied - known:
        raise LedgerUnavailable(
            f"the ledger's tables have {', '.join(sorted(strange))} of a newer Tendril; "
            "start that Tendril, or choose another database in TENDRIL_LEDGER"
        )
    return applied == known


def migrate(conninfo: str) -> None:
    """Bring the tables up to date; whoever else migrates at this moment is waited for."""
    from yoyo import read_migrations  # loaded by the one host that migrates, and by no other
    from yoyo.backends.core.postgresql import PostgresqlPsycopgBackend
    from yoyo.connections import parse_uri

    class Backend(PostgresqlPsycopgBackend):  # type: ignore[misc]  # yoyo has no types
        def connect(self, _: object) -> psycopg.Connection[Any]:
            """Connect as the ledger does: yoyo would read a URL in its own way."""
            return psycopg.connect(conninfo, autocommit=True)

        def log_migration(self, migration: object, operation: str) -> None:
            """Keep no log: it asks for a user and a DNS name, which a container may not have."""

    with psycopg.connect(conninfo) as guard:
        guard.execute("SELECT pg_advisory_xact_lock(%s, 0)", (LOCK,))
        with Backend(parse_uri("postgresql+psycopg:"), _APPLIED) as backend:
            backend.init_database()
            backend.break_lock()  # yoyo's own outlives its holder; ours is held, so none is alive
            backend.apply_migrations(backend.to_apply(read_migrations(str(_FOLDER))))
