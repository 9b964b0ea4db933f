"""Which runs are at work and which only wait, in SQLite; reads alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import orjson

from functions.host.ledger.rows.run import RunStatus
from functions.host.ledger.sqlite import runs

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from functions.host.ledger.rows.run import RunRow

_AT_WORK: Final = (
    "EXISTS (WITH RECURSIVE kin (id) AS (SELECT r.id UNION ALL SELECT c.id FROM runs c "
    "JOIN kin k ON c.parent = k.id WHERE c.awaited AND c.status = 'running') "
    "SELECT 1 FROM kin k JOIN tasks t ON t.run = k.id WHERE t.state <> 'closed' "
    "AND t.state IN ('requested', 'claimed', 'recorded', 'starting'))"
)
"""Whether a running run, or one that it awaits, has something out that is to be done now."""
_IS: Final[dict[RunStatus | None, str]] = {
    None: "1",
    RunStatus.RUNNING: f"r.status = 'running' AND {_AT_WORK}",
    RunStatus.WAITING: f"r.status = 'running' AND NOT {_AT_WORK}",
}


def waiting(db: sqlite3.Connection, run_ids: Sequence[str]) -> set[str]:
    """Return those of the runs that wait."""
    rows = db.execute(
        "SELECT r.id FROM runs r JOIN json_each(?) ON r.id = value "  # noqa: S608 - constants
        f"WHERE {_IS[RunStatus.WAITING]}",
        (orjson.dumps(list(run_ids)).decode(),),
    )
    return {row[0] for row in rows.fetchall()}


def listed(
    db: sqlite3.Connection, flow: tuple[str, str] | None, status: RunStatus | None, limit: int
) -> list[RunRow]:
    """Return runs, the newest first."""
    namespace, name = flow or (None, None)
    rows = db.execute(
        f"SELECT {runs.COLUMNS} FROM runs r WHERE (?1 IS NULL OR "  # noqa: S608 - constants
        f"(namespace = ?1 AND name = ?2)) AND {_IS.get(status, 'r.status = ?3')} "
        "ORDER BY started_at DESC LIMIT ?4",
        (namespace, name, status, limit),
    ).fetchall()
    return [runs.read(row) for row in rows]
