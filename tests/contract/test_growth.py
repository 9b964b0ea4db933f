"""What does not cost more the longer a run lasts."""

from __future__ import annotations

import sqlite3
from dataclasses import astuple, replace
from typing import TYPE_CHECKING

import psycopg

from functions.host.ledger import open_ledger
from functions.host.ledger.postgres import schema
from functions.host.ledger.rows.task import TaskState
from functions.host.ledger.sqlite import tasks
from tests.support.contender import run, started, task

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.postgres import Postgres

_DONE = 2000
_OWN = {"instance", "state", "outcome"}


def _looks(db: sqlite3.Connection) -> int:
    """Return how many instructions SQLite takes to find what r1 has out."""
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 1
        return 0

    db.set_progress_handler(count, 1)
    assert [row.instance for row in tasks.of_run(db, "r1", closed=False)] == [task("r1").instance]
    db.set_progress_handler(None, 0)
    return steps


async def test_sqlite_reads_what_is_open_alone(tmp_path: Path) -> None:
    """Showing what a run has out costs the same with 2,000 closed tasks as with none."""
    ledger = open_ledger(f"sqlite:///{tmp_path}/ledger.db")
    await ledger.open(run("r1"), started("r1"))
    await ledger.close()
    with sqlite3.connect(tmp_path / "ledger.db") as db:
        _looks(db)  # the first one reads the schema
        before = _looks(db)
        done = (
            replace(task("r1"), instance=f"/do/9/z#{n}", state=TaskState.CLOSED)
            for n in range(_DONE)
        )
        marks = ", ".join("?" * len(astuple(task("r1"))))
        db.executemany(f"INSERT INTO tasks VALUES ({marks})", map(astuple, done))  # noqa: S608
        assert _looks(db) == before
    db.close()


async def test_postgresql_reads_what_is_open_alone(postgres: Postgres) -> None:
    """What a run has out is found by an index that has nothing else."""
    url = postgres.database()
    ledger = open_ledger(url)
    await ledger.open(run("r1"), started("r1"))
    await ledger.close()
    columns = ", ".join(name for name in schema.TASK if name not in _OWN)
    with psycopg.connect(url, autocommit=True) as db:
        db.execute(
            f"INSERT INTO tasks ({columns}, instance, state) SELECT {columns}, "  # noqa: S608
            f"'/do/9/z#' || n, 'closed' FROM tasks, generate_series(1, {_DONE}) AS n"
        )
        db.execute("ANALYZE tasks")
        plan = db.execute(
            "EXPLAIN SELECT * FROM tasks WHERE run = 'r1' AND state <> 'closed'"
        ).fetchall()
    assert "tasks_open" in str(plan)
