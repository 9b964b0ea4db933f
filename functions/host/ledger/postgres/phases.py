"""Which runs are at work and which only wait, in PostgreSQL; reads alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from functions.host.ledger.postgres import runs
from functions.host.ledger.rows.run import RunStatus

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import LiteralString

    from functions.host.ledger.postgres.connections import Database
    from functions.host.ledger.rows.run import RunRow

_AT_WORK: Final = (
    "EXISTS (WITH RECURSIVE kin (id) AS (SELECT r.id UNION ALL SELECT c.id FROM runs c "
    "JOIN kin k ON c.parent = k.id WHERE c.awaited AND c.status = 'running') "
    "SELECT 1 FROM kin k JOIN tasks t ON t.run = k.id WHERE t.state <> 'closed' "
    "AND t.state IN ('requested', 'claimed', 'recorded', 'starting'))"
)
"""Whether a running run, or one that it awaits, has something out that is to be done now."""
_IS: Final[dict[RunStatus | None, LiteralString]] = {
    None: "true",
    RunStatus.RUNNING: f"r.status = 'running' AND {_AT_WORK}",
    RunStatus.WAITING: f"r.status = 'running' AND NOT {_AT_WORK}",
}


async def waiting(db: Database, run_ids: Sequence[str]) -> set[str]:
    """Return those of the runs that wait."""
    found = await db.execute(
        f"SELECT r.id FROM runs r WHERE r.id = ANY(%s) AND {_IS[RunStatus.WAITING]}",  # noqa: S608
        (list(run_ids),),
    )
    return {row[0] for row in await found.fetchall()}


async def listed(
    db: Database, flow: tuple[str, str] | None, status: RunStatus | None, limit: int
) -> list[RunRow]:
    """Return runs, the newest first."""
    namespace, name = flow or (None, None)
    found = await db.execute(
        f"SELECT {runs.COLUMNS} FROM runs r WHERE (%(namespace)s::text IS NULL "  # noqa: S608
        "OR (namespace = %(namespace)s AND name = %(name)s)) "
        f"AND {_IS.get(status, 'r.status = %(status)s')} "
        "ORDER BY started_at DESC, id LIMIT %(limit)s",
        {"namespace": namespace, "name": name, "status": status, "limit": limit},
    )
    return [runs.read(row) for row in await found.fetchall()]
