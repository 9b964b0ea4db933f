"""The embedded ledger's tables; `user_version` numbers them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import sqlite3

TASK: Final = (
    "run", "instance", "scope", "reference", "tool", "major", "version", "attempt", "edition",
    "event_id", "cause", "input", "input_digest", "state", "due_at", "token", "claims",
    "emissions", "outcome", "requested_at",
)  # fmt: skip
"""The columns of a task, in the order of TaskRow's fields."""

RUN: Final = (
    "id", "digest", "namespace", "name", "version", "machine", "status", "input", "output",
    "error", "started_at", "ended_at", "trace", "steps", "parent", "caller", "awaited", "depth",
    "origin",
    "archived",
    "budget",
)  # fmt: skip
"""The columns of a run, in the order of RunRow's fields."""

_TABLES: Final = """
CREATE TABLE flows (
    digest TEXT PRIMARY KEY, namespace TEXT, name TEXT, version TEXT, title TEXT,
    definition TEXT, source TEXT, functions TEXT, deployed_at REAL,
    newest INTEGER DEFAULT 0,
    UNIQUE (namespace, name, version));
CREATE TABLE doors (digest TEXT, type TEXT, filter TEXT);
CREATE INDEX doors_by_type ON doors (type);
CREATE TABLE runs (
    id TEXT PRIMARY KEY, digest TEXT, namespace TEXT, name TEXT, version TEXT, machine INTEGER,
    status TEXT, input TEXT, output TEXT, error TEXT, started_at REAL, ended_at REAL,
    trace TEXT, steps INTEGER) WITHOUT ROWID;
CREATE INDEX runs_by_start ON runs (started_at);
CREATE TABLE scopes (
    run TEXT, scope TEXT, state TEXT, rev INTEGER, PRIMARY KEY (run, scope)) WITHOUT ROWID;
CREATE TABLE tasks (
    run TEXT, instance TEXT, scope TEXT, reference TEXT, tool TEXT, major INTEGER, version TEXT,
    attempt INTEGER, edition INTEGER, event_id TEXT, cause TEXT, input TEXT, input_digest TEXT,
    state TEXT, due_at REAL, token INTEGER, claims INTEGER, emissions INTEGER, outcome TEXT,
    requested_at REAL, PRIMARY KEY (run, instance)) WITHOUT ROWID;
CREATE INDEX tasks_due ON tasks (due_at) WHERE state <> 'closed';
CREATE INDEX tasks_by_cause ON tasks (run, cause);
CREATE TABLE tools (
    tool TEXT, major INTEGER, claimed_at REAL, PRIMARY KEY (tool, major)) WITHOUT ROWID;
CREATE TABLE history (
    run TEXT, seq INTEGER, kind TEXT, at REAL, reference TEXT, instance TEXT, detail TEXT,
    PRIMARY KEY (run, seq)) WITHOUT ROWID;
CREATE TABLE outbox (id TEXT PRIMARY KEY, run TEXT, event TEXT, stored_at REAL) WITHOUT ROWID;
CREATE INDEX outbox_by_run ON outbox (run);
CREATE TABLE letters (
    id TEXT PRIMARY KEY, status TEXT, reason TEXT, code INTEGER, stored_at REAL, "trigger" TEXT,
    event TEXT, run TEXT, instance TEXT, tool TEXT, flow TEXT) WITHOUT ROWID;
CREATE INDEX letters_by_time ON letters (stored_at);
CREATE TABLE unmatched (id TEXT PRIMARY KEY, event TEXT, at REAL) WITHOUT ROWID;
CREATE INDEX unmatched_by_time ON unmatched (at);
"""
_SCHEDULES: Final = """
CREATE TABLE schedules (digest TEXT PRIMARY KEY, kind TEXT, spec TEXT, due_at REAL, run TEXT);
"""
_FORKS: Final = """
ALTER TABLE scopes ADD COLUMN parent TEXT;
ALTER TABLE scopes ADD COLUMN fork TEXT;
ALTER TABLE scopes ADD COLUMN number INTEGER;
ALTER TABLE scopes ADD COLUMN output TEXT;
CREATE TABLE forks (
    run TEXT, fork TEXT, scope TEXT, compete INTEGER, open INTEGER, PRIMARY KEY (run, fork)
    ) WITHOUT ROWID;
"""
_IMPORTS: Final = """
ALTER TABLE flows ADD COLUMN imports TEXT NOT NULL DEFAULT '{}';
"""
_KIN: Final = """
ALTER TABLE runs ADD COLUMN parent TEXT;
ALTER TABLE runs ADD COLUMN caller TEXT DEFAULT '';
ALTER TABLE runs ADD COLUMN awaited INTEGER DEFAULT 0;
ALTER TABLE runs ADD COLUMN depth INTEGER DEFAULT 0;
CREATE INDEX runs_by_parent ON runs (parent) WHERE parent IS NOT NULL;
"""
_CHRONICLE: Final = """
ALTER TABLE history RENAME TO histories;
CREATE TABLE history (
    position INTEGER PRIMARY KEY AUTOINCREMENT, run TEXT, seq INTEGER, kind TEXT, at REAL,
    reference TEXT, instance TEXT, detail TEXT, UNIQUE (run, seq));
INSERT INTO history (run, seq, kind, at, reference, instance, detail)
    SELECT run, seq, kind, at, reference, instance, detail FROM histories ORDER BY at, run, seq;
DROP TABLE histories;
CREATE TABLE bookmarks (reader TEXT PRIMARY KEY, place TEXT, holder TEXT, until REAL)
    WITHOUT ROWID;
"""
"""Writers take turns, so positions are in the order of the commits; AUTOINCREMENT never gives one
twice, even where the last lines were pruned."""
_LISTENS: Final = """
CREATE TABLE shapes (shape TEXT PRIMARY KEY, type TEXT, filter TEXT) WITHOUT ROWID;
CREATE INDEX shapes_by_type ON shapes (type);
CREATE TABLE subscriptions (
    shape TEXT, correlation TEXT, run TEXT, instance TEXT, scope TEXT, reference TEXT,
    listener TEXT, PRIMARY KEY (shape, correlation, run, instance)) WITHOUT ROWID;
CREATE INDEX subscriptions_by_run ON subscriptions (run, instance);
CREATE TABLE inbox (
    event TEXT, shape TEXT, correlation TEXT, outcome TEXT, at REAL, used INTEGER,
    PRIMARY KEY (event, shape, correlation)) WITHOUT ROWID;
CREATE INDEX inbox_by_key ON inbox (shape, correlation, at);
CREATE INDEX inbox_by_time ON inbox (at);
CREATE TABLE consumed (
    run TEXT, listener TEXT, event TEXT, PRIMARY KEY (run, listener, event)) WITHOUT ROWID;
CREATE INDEX consumed_by_event ON consumed (event);
"""
_ORIGINS: Final = """
ALTER TABLE runs ADD COLUMN origin TEXT;
CREATE INDEX runs_by_origin ON runs (origin) WHERE origin IS NOT NULL;
"""
_TURNS: Final = """
ALTER TABLE forks ADD COLUMN begun INTEGER;
ALTER TABLE forks ADD COLUMN width INTEGER;
ALTER TABLE forks ADD COLUMN shared TEXT;
CREATE INDEX scopes_by_fork ON scopes (run, fork, number) WHERE fork IS NOT NULL;
"""
_GATHERED: Final = """
ALTER TABLE doors ADD COLUMN number INTEGER NOT NULL DEFAULT 0;
ALTER TABLE doors ADD COLUMN of INTEGER NOT NULL DEFAULT 0;
CREATE INDEX inbox_unused ON inbox (shape, correlation, at) WHERE used = 0;
CREATE TABLE gathered (id TEXT PRIMARY KEY, digest TEXT, outcomes TEXT, at REAL) WITHOUT ROWID;
"""
_RETENTION: Final = """
ALTER TABLE runs ADD COLUMN archived INTEGER DEFAULT 0;
CREATE INDEX runs_by_end ON runs (archived, ended_at) WHERE ended_at IS NOT NULL;
"""
_BUDGETS: Final = """
ALTER TABLE runs ADD COLUMN budget TEXT;
CREATE TABLE budgets (
    run TEXT PRIMARY KEY, outer_run TEXT, tokens INTEGER, cost REAL, calls INTEGER, until REAL,
    used_calls INTEGER, used_tokens INTEGER, used_cost REAL) WITHOUT ROWID;
CREATE TABLE reservations (
    budget TEXT, run TEXT, instance TEXT, token INTEGER, calls INTEGER, tokens INTEGER, cost REAL,
    PRIMARY KEY (budget, run, instance)) WITHOUT ROWID;
"""
_OPEN: Final = """
DROP INDEX tasks_by_cause;
CREATE INDEX tasks_open ON tasks (run, cause) WHERE state <> 'closed';
"""
_PARTS: Final = """
CREATE TABLE parts (
    run TEXT, scope TEXT, digest TEXT, value TEXT, PRIMARY KEY (run, scope, digest)) WITHOUT ROWID;
"""
_APPROVALS: Final = """
CREATE INDEX tasks_asking ON tasks (run) WHERE state = 'asking';
"""
_GATHERING: Final = """
CREATE TABLE gathering (
    digest TEXT, correlation TEXT, event TEXT, number INTEGER, filters TEXT, outcome TEXT, at REAL,
    looked INTEGER, PRIMARY KEY (digest, correlation, event)) WITHOUT ROWID;
CREATE INDEX gathering_by_number ON gathering (digest, correlation, number);
CREATE INDEX gathering_unlooked ON gathering (at) WHERE looked = 0;
"""
_PARCELS: Final = """
CREATE TABLE parcels (parcel TEXT PRIMARY KEY, at REAL, given_up INTEGER) WITHOUT ROWID;
CREATE INDEX parcels_given_up ON parcels (parcel) WHERE given_up = 1;
CREATE TABLE holders (holder TEXT, parcel TEXT, PRIMARY KEY (holder, parcel)) WITHOUT ROWID;
CREATE INDEX holders_by_parcel ON holders (parcel);
"""
_ASSIGNEES: Final = """
CREATE TABLE assignees (
    run TEXT, instance TEXT, step INTEGER, name TEXT, PRIMARY KEY (run, instance, step, name)
    ) WITHOUT ROWID;
"""
_TIMETABLES: Final = """
ALTER TABLE schedules RENAME TO schedules_of_one_kind;
CREATE TABLE schedules (
    digest TEXT, kind TEXT, spec TEXT, due_at REAL, run TEXT, PRIMARY KEY (digest, kind));
INSERT INTO schedules SELECT digest, kind, spec, due_at, run FROM schedules_of_one_kind;
DROP TABLE schedules_of_one_kind;
"""
_MIGRATIONS: Final = (
    _TABLES,
    _SCHEDULES,
    _FORKS,
    _IMPORTS,
    _KIN,
    _CHRONICLE,
    _LISTENS,
    _ORIGINS,
    _TURNS,
    _GATHERED,
    _RETENTION,
    _BUDGETS,
    _OPEN,
    _PARTS,
    _APPROVALS,
    _GATHERING,
    _PARCELS,
    _ASSIGNEES,
    _TIMETABLES,
)
"""What makes each version from the one before, version 1 first."""
VERSION: Final = len(_MIGRATIONS)


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the tables up to date, from none on; refuse those that a newer Tendril wrote."""
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version == VERSION:
        return
    if version > VERSION:
        raise ValueError(
            f"the ledger's tables have version {version}, this Tendril knows {VERSION}; "
            "start the newer Tendril that wrote it, or choose another data folder"
        )
    for script in _MIGRATIONS[version:]:
        for statement in script.split(";"):
            connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {VERSION}")
