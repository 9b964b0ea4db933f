"""The history of a run in PostgreSQL; each function is one transaction's work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from functions.host.ledger.rows.history import Entry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functions.host.ledger.postgres.connections import Database


async def append(
    db: Database, run_id: str, entries: Sequence[Entry], *beside: tuple[str, Sequence[Any]]
) -> None:
    """Number and store history entries of a run that is held: nobody else numbers any.

    One statement however many entries: a wide fork has a line for every branch. `beside` are
    statements that write other tables, done by the same one: each costs the host more than it
    costs the server.
    """
    if not entries:
        for statement, values in beside:
            await db.execute(statement, values)
    else:
        also = ", ".join(f"beside{n} AS ({each})" for n, (each, _) in enumerate(beside))
        given = [value for _, values in beside for value in values]
        rows = ((e.kind, e.at, e.reference, e.instance, _json(e.detail)) for e in entries)
        columns = zip(*rows, strict=True)
        await db.execute(
            f"{'WITH ' + also if also else ''} "  # noqa: S608 - our own statements
            "INSERT INTO history (run, seq, kind, at, reference, instance, detail) "
            "SELECT %s, number + (SELECT coalesce(max(seq), 0) FROM history WHERE run = %s), "
            "kind, at, reference, instance, detail::json FROM unnest(%s::text[], "
            "%s::double precision[], %s::text[], %s::text[], %s::text[]) "
            "WITH ORDINALITY AS entry (kind, at, reference, instance, detail, number)",
            (*given, run_id, run_id, *(list(column) for column in columns)),
        )


async def read(db: Database, run_id: str, after: int) -> list[tuple[int, Entry]]:
    """Return numbered entries."""
    found = await db.execute(
        "SELECT seq, kind, at, reference, instance, detail FROM history "
        "WHERE run = %s AND seq > %s ORDER BY seq",
        (run_id, after),
    )
    return [(seq, Entry(*entry)) for seq, *entry in await found.fetchall()]


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()
