"""A collection's file: its tables, and how it is opened and comes to be."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Final
from uuid import uuid4

if TYPE_CHECKING:
    from pathlib import Path

_BUSY_SECONDS: Final = 30.0
_SCHEMA: Final = """
CREATE TABLE documents (
    key INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    title TEXT NOT NULL,
    source TEXT NOT NULL,
    metadata TEXT NOT NULL,
    hash TEXT NOT NULL,
    embedder TEXT NOT NULL
);
CREATE TABLE passages (
    key INTEGER PRIMARY KEY,
    document INTEGER NOT NULL REFERENCES documents (key),
    text TEXT NOT NULL,
    start INTEGER NOT NULL,
    "end" INTEGER NOT NULL,
    page INTEGER,
    headings TEXT NOT NULL,
    script TEXT NOT NULL,
    digest TEXT NOT NULL,
    vector BLOB NOT NULL
);
CREATE INDEX passages_of ON passages (document);
-- Digests are as good as random: the first of a script are a fair sample.
CREATE INDEX passages_in ON passages (script, digest);
-- Vectors of a document whose ingestion has not ended: the next attempt goes on from here.
CREATE TABLE pending (
    id TEXT NOT NULL,
    embedder TEXT NOT NULL,
    digest TEXT NOT NULL,
    vector BLOB NOT NULL,
    PRIMARY KEY (id, embedder, digest)
) WITHOUT ROWID;
CREATE VIRTUAL TABLE terms USING fts5 (
    context, body, tokenize = 'porter unicode61 remove_diacritics 2'
);
"""


def connect(file: Path) -> sqlite3.Connection:
    """Open a file; commits are synced, and a writer waits its turn for up to 30 s."""
    connection = sqlite3.connect(file, timeout=_BUSY_SECONDS, isolation_level=None)
    connection.execute("PRAGMA synchronous = FULL")
    return connection


def create(file: Path) -> None:
    """Make an empty collection under another name, then link it: it appears whole or not at all.

    Of several processes that create it at once, one wins and the others use what it made.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f".{file.name}.{uuid4().hex}")
    try:
        with closing(connect(draft)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.executescript(_SCHEMA)
        os.link(draft, file)
    except FileExistsError:
        pass
    finally:
        draft.unlink(missing_ok=True)
