"""Ingestion: a document fetched, parsed, split, embedded and put into its collection."""

from __future__ import annotations

import asyncio
import hashlib
import json
from typing import TYPE_CHECKING, Final

from functions.text_collection.content import content_of, unreadable
from functions.text_collection.embedding import BATCH
from functions.text_collection.index import Entry, Index, Row, State
from functions.text_collection.isolation import ParsingLimits, parse_apart
from functions.text_collection.models import Ingested
from functions.text_collection.parsing import UnreadableError
from functions.text_collection.scripts import script
from functions.text_collection.splitting import VERSION, split
from functions.text_collection.terms import indexed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from functions.host.context import Context
    from functions.text_collection.content import Content
    from functions.text_collection.embedding import Embedder
    from functions.text_collection.models import Document, Ingest, Settings
    from functions.text_collection.parsing import Parsed
    from functions.text_collection.splitting import Passage

_CONTEXT: Final = 200
"""Most characters of title and headings that are embedded with each passage."""


async def ingest(
    request: Ingest, context: Context, *, settings: Settings, embedder: Embedder, file: Path
) -> Ingested:
    """Put a document into the collection in `file`, unless the same one is there already."""
    document = request.document
    content = await content_of(document, context, settings.max_document_bytes)
    digest = fingerprint(document, content, settings.chunk_size, embedder.name)
    before = await asyncio.to_thread(_state, file, document.id)
    if before and before.hash == digest:
        return _ingested(request, before, outcome="skipped", embedded=0)
    parsed = await _parsed(document, content, settings)
    entry = _entry(document, parsed, digest, embedder.name)
    passages = await asyncio.to_thread(split, parsed, settings.chunk_size, embedder.tokens)
    texts = [_embedded_text(entry.title, passage) for passage in passages]
    vectors, embedded = await _vectors(document.id, texts, embedder, file)
    rows = [_row(entry.title, *row) for row in zip(passages, texts, vectors, strict=True)]
    existed = await asyncio.to_thread(_replace, file, entry, rows)
    after = State(digest, entry.title, len(rows))
    return _ingested(request, after, outcome="replaced" if existed else "added", embedded=embedded)


def fingerprint(document: Document, content: Content, chunk_size: int, embedder: str) -> str:
    """Return a hash of everything that decides what the index holds of a document."""
    decided_by = {
        "content": hashlib.sha256(content.data).hexdigest(),
        "as": [content.form, content.charset],
        "shown": [document.title, _source(document), document.filename],
        "metadata": document.metadata,
        "made": [VERSION, chunk_size, embedder],
    }
    canonical = json.dumps(decided_by, sort_keys=True, ensure_ascii=False)
    return "sha256:" + hashlib.sha256(canonical.encode("utf-8", "replace")).hexdigest()


async def _parsed(document: Document, content: Content, settings: Settings) -> Parsed:
    limits = ParsingLimits(settings.parse_seconds, settings.parse_memory_bytes)
    try:
        return await parse_apart(content.data, content.form, content.charset, limits)
    except UnreadableError as error:
        raise unreadable(document, str(error)) from error


def _entry(document: Document, parsed: Parsed, digest: str, embedder: str) -> Entry:
    title = document.title or parsed.title or document.filename or document.id
    return Entry(document.id, title, _source(document), dict(document.metadata), digest, embedder)


def _source(document: Document) -> str:
    return document.source or document.url or document.object or document.filename or document.id


def _embedded_text(title: str, passage: Passage) -> str:
    """Return a passage under its title and headings: alone it may not say what it is about."""
    return f"{_above(title, passage)}\n{passage.text}"


def _above(title: str, passage: Passage) -> str:
    return " > ".join(dict.fromkeys([title, *passage.headings]))[:_CONTEXT]


async def _vectors(
    document: str, texts: Sequence[str], embedder: Embedder, file: Path
) -> tuple[list[bytes], int]:
    """Return each text's vector as bytes, and how many were not known yet.

    Every batch is kept at once: an attempt after a timeout or a crash goes on, not back.
    """
    known = await asyncio.to_thread(_known, file, document, embedder.name)
    digests = [hashlib.sha256(text.encode("utf-8", "replace")).hexdigest() for text in texts]
    missing = {d: t for d, t in zip(digests, texts, strict=True) if d not in known}
    for batch in _batches(list(missing)):
        made = await embedder.passages([missing[digest] for digest in batch])
        fresh = [(digest, vector.tobytes()) for digest, vector in zip(batch, made, strict=True)]
        known.update(fresh)
        await asyncio.to_thread(_keep, file, document, embedder.name, fresh)
    return [known[digest] for digest in digests], len(missing)


def _batches(digests: list[str]) -> list[list[str]]:
    return [digests[at : at + BATCH] for at in range(0, len(digests), BATCH)]


def _row(title: str, passage: Passage, text: str, vector: bytes) -> Row:
    return Row(
        text=passage.text,
        start=passage.start,
        end=passage.end,
        page=passage.page,
        headings=passage.headings,
        script=script(passage.text),
        context=indexed(_above(title, passage)),
        body=indexed(passage.text),
        digest=hashlib.sha256(text.encode("utf-8", "replace")).hexdigest(),
        vector=vector,
    )


def _state(file: Path, document: str) -> State | None:
    with Index.opened(file) as index:
        return index.state(document) if index else None


def _known(file: Path, document: str, embedder: str) -> dict[str, bytes]:
    with Index.opened(file) as index:
        return index.vectors(document, embedder) if index else {}


def _keep(file: Path, document: str, embedder: str, vectors: list[tuple[str, bytes]]) -> None:
    with Index.created(file) as index:
        index.keep(document, embedder, vectors)


def _replace(file: Path, entry: Entry, rows: Sequence[Row]) -> bool:
    with Index.created(file) as index:
        return index.replace(entry, rows)


def _ingested(request: Ingest, state: State, *, outcome: str, embedded: int) -> Ingested:
    return Ingested(
        collection=request.collection,
        document=request.document.id,
        title=state.title,
        outcome=outcome,
        chunks=state.passages,
        embedded=embedded,
        hash=state.hash,
    )
