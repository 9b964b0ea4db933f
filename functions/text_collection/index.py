"""A collection's index: documents, their passages, vectors and terms, in one SQLite file.

Readers never wait (WAL); writers of several processes take turns. A document changes in one
transaction, synced, so that a search sees it whole, old or new.
"""

from __future__ import annotations

import json
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

from functions.text_collection.storage import connect, create

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

_SAMPLE: Final = 512
"""Vectors of a script that its mean is taken from."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A document as the index keeps it."""

    id: str
    title: str
    source: str
    metadata: dict[str, Any]
    hash: str
    """Of everything that decides what the index holds of it."""
    embedder: str


@dataclass(frozen=True, slots=True)
class State:
    """What the index says of a document."""

    hash: str
    title: str
    passages: int


@dataclass(frozen=True, slots=True)
class Row:
    """One passage to keep; `context` and `body` are terms, `vector` is float32 bytes."""

    text: str
    start: int
    end: int
    page: int | None
    headings: tuple[str, ...]
    script: str
    context: str
    body: str
    digest: str
    vector: bytes


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage and its document, as read."""

    key: int
    entry: Entry
    text: str
    start: int
    end: int
    page: int | None
    headings: tuple[str, ...]


class Index:
    """An open collection; made by `opened`, used by one thread."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    @classmethod
    @contextmanager
    def opened(cls, file: Path) -> Iterator[Self | None]:
        """Open a collection's file; None when there is none."""
        if not file.exists():
            yield None
            return
        with closing(connect(file)) as connection:
            yield cls(connection)

    @classmethod
    @contextmanager
    def created(cls, file: Path) -> Iterator[Self]:
        """Open a collection's file, making it first when there is none."""
        if not file.exists():
            create(file)
        with closing(connect(file)) as connection:
            yield cls(connection)

    def state(self, document: str) -> State | None:
        """Return what is kept of a document, or None."""
        found = self._connection.execute(
            "SELECT hash, title, (SELECT count(*) FROM passages WHERE document = documents.key)"
            " FROM documents WHERE id = ?",
            (document,),
        ).fetchone()
        return State(*found) if found else None

    def vectors(self, document: str, embedder: str) -> dict[str, bytes]:
        """Return the vectors that a document has already, by digest: indexed or pending."""
        rows = self._connection.execute(
            "SELECT digest, vector FROM passages JOIN documents ON documents.key = document"
            " WHERE id = ?1 AND embedder = ?2"
            " UNION ALL SELECT digest, vector FROM pending WHERE id = ?1 AND embedder = ?2",
            (document, embedder),
        )
        return dict(rows)

    def keep(self, document: str, embedder: str, vectors: Iterable[tuple[str, bytes]]) -> None:
        """Keep vectors of a document that is being ingested."""
        with self._transaction():
            self._connection.executemany(
                "INSERT OR IGNORE INTO pending VALUES (?, ?, ?, ?)",
                [(document, embedder, digest, vector) for digest, vector in vectors],
            )

    def replace(self, entry: Entry, rows: Sequence[Row]) -> bool:
        """Put a document in place of the one with its id; True when there was one."""
        with self._transaction():
            existed = self._remove(entry.id)
            key = self._insert(entry)
            for row in rows:
                self._append(key, row)
        return existed

    def delete(self, document: str) -> bool:
        """Take a document out; False when it was not there."""
        with self._transaction():
            return self._remove(document)

    def documents(self, matches: Callable[[dict[str, Any]], bool]) -> list[int]:
        """Return the keys of the documents whose metadata match."""
        rows = self._connection.execute("SELECT key, metadata FROM documents")
        return [key for key, metadata in rows if matches(json.loads(metadata))]

    def samples(self, embedder: str) -> dict[str, list[bytes]]:
        """Return some vectors of each script's passages, the same ones until they change."""
        execute = self._connection.execute
        scripts = execute("SELECT DISTINCT script FROM passages").fetchall()
        return {
            script: [
                vector
                for (vector,) in execute(
                    "SELECT vector FROM passages JOIN documents ON documents.key = document"
                    " WHERE script = ? AND embedder = ? ORDER BY digest LIMIT ?",
                    (script, embedder, _SAMPLE),
                )
            ]
            for (script,) in scripts
        }

    def nearby(self, embedder: str, keys: Sequence[int] | None) -> Iterator[tuple[int, str, bytes]]:
        """Yield every passage's key, script and vector, of all documents or of those named."""
        yield from self._connection.execute(
            "SELECT passages.key, script, vector FROM passages"
            " JOIN documents ON documents.key = document WHERE embedder = ?1"
            " AND (?2 IS NULL OR document IN (SELECT value FROM json_each(?2)))",
            (embedder, _among(keys)),
        )

    def matching(
        self, expression: str, keys: Sequence[int] | None, limit: int
    ) -> list[tuple[int, float]]:
        """Return keys and BM25 (higher is better) of the passages that match best."""
        rows = self._connection.execute(
            "SELECT terms.rowid, -bm25(terms) AS score FROM terms"
            " JOIN passages ON passages.key = terms.rowid WHERE terms MATCH ?1"
            " AND (?2 IS NULL OR document IN (SELECT value FROM json_each(?2)))"
            " ORDER BY score DESC, terms.rowid LIMIT ?3",
            (expression, _among(keys), limit),
        )
        return [(key, score) for key, score in rows]

    def hits(self, keys: Sequence[int]) -> list[Hit]:
        """Return passages with their documents, in the order of their keys as given."""
        rows = self._connection.execute(
            'SELECT passages.key, text, start, "end", page, headings,'
            " id, title, source, metadata, hash, embedder"
            " FROM passages JOIN documents ON documents.key = document"
            " WHERE passages.key IN (SELECT value FROM json_each(?))",
            (json.dumps(keys),),
        )
        found = {row[0]: _hit(row) for row in rows}
        return [found[key] for key in keys if key in found]

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Let several reads see the same state."""
        self._connection.execute("BEGIN")
        try:
            yield
        finally:
            self._connection.execute("ROLLBACK")

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        finally:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")

    def _remove(self, document: str) -> bool:
        execute = self._connection.execute
        execute("DELETE FROM pending WHERE id = ?", (document,))
        found = execute("SELECT key FROM documents WHERE id = ?", (document,)).fetchone()
        if found:
            execute(
                "DELETE FROM terms WHERE rowid IN (SELECT key FROM passages WHERE document = ?)",
                found,
            )
            execute("DELETE FROM passages WHERE document = ?", found)
            execute("DELETE FROM documents WHERE key = ?", found)
        return found is not None

    def _insert(self, entry: Entry) -> int | None:
        metadata = json.dumps(entry.metadata, ensure_ascii=False)
        return self._connection.execute(
            "INSERT INTO documents (id, title, source, metadata, hash, embedder)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (entry.id, entry.title, entry.source, metadata, entry.hash, entry.embedder),
        ).lastrowid

    def _append(self, document: int | None, row: Row) -> None:
        headings = json.dumps(row.headings, ensure_ascii=False)
        key = self._connection.execute(
            "INSERT INTO passages"
            ' (document, text, start, "end", page, headings, script, digest, vector)'
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(document, row.text, row.start, row.end, row.page, headings),
                *(row.script, row.digest, row.vector),
            ),
        ).lastrowid
        self._connection.execute(
            "INSERT INTO terms (rowid, context, body) VALUES (?, ?, ?)",
            (key, row.context, row.body),
        )


def _among(keys: Sequence[int] | None) -> str | None:
    return None if keys is None else json.dumps(keys)


def _hit(row: tuple[Any, ...]) -> Hit:
    key, text, start, end, page, headings, id_, title, source, metadata, hash_, embedder = row
    entry = Entry(id_, title, source, json.loads(metadata), hash_, embedder)
    return Hit(key, entry, text, start, end, page, tuple(json.loads(headings)))
