"""The text_collection tool's work: one operation on one collection."""

from __future__ import annotations

import asyncio
import sqlite3
from typing import TYPE_CHECKING

from events.errors import ErrorType, RetryableError, ToolError
from functions.text_collection.embedding import Embedder
from functions.text_collection.index import Index
from functions.text_collection.ingestion import ingest
from functions.text_collection.models import (
    Delete,
    Deleted,
    Found,
    In,
    Ingest,
    Ingested,
    Out,
    Search,
    Settings,
)
from functions.text_collection.search import Query, search

if TYPE_CHECKING:
    from pathlib import Path

    from functions.host.context import Context
    from functions.text_collection.models import Result


async def handle(request: In, context: Context) -> Out:
    """Ingest documents into a collection, delete them, and search them by meaning and by word."""
    operation = request.root
    file = context.folder / f"{operation.collection}.db"
    try:
        return Out(await _done(operation, context, file))
    except sqlite3.OperationalError as error:
        raise RetryableError(
            f"collection {operation.collection!r} cannot be used now: {error}; check the disk "
            f"and the folder {context.folder}"
        ) from error
    except sqlite3.DatabaseError as error:
        raise ToolError(
            f"the file of collection {operation.collection!r} is damaged: {error}; move {file} "
            "away and ingest again",
            type=ErrorType.CONFIGURATION,
        ) from error


async def _done(
    operation: Ingest | Delete | Search, context: Context, file: Path
) -> Ingested | Deleted | Found:
    match operation:
        case Ingest():
            settings = await context.resources.once("text_collection.settings", _settings)
            embedder = await _embedder(context)
            return await ingest(operation, context, settings=settings, embedder=embedder, file=file)
        case Delete():
            deleted = await asyncio.to_thread(_delete, file, operation.document)
            return Deleted(
                collection=operation.collection, document=operation.document, deleted=deleted
            )
        case Search():
            return await _search(operation, context, file)


async def _search(request: Search, context: Context, file: Path) -> Found:
    query = None
    if request.mode != "keyword":
        embedder = await _embedder(context)
        query = Query(embedder.name, await embedder.query(request.query))
    results = await asyncio.to_thread(_results, file, request, query)
    return Found(collection=request.collection, query=request.query, results=results)


async def _settings() -> Settings:
    return Settings()


async def _embedder(context: Context) -> Embedder:
    settings = await context.resources.once("text_collection.settings", _settings)

    async def load() -> Embedder:
        return await asyncio.to_thread(Embedder, settings.threads)

    return await context.resources.once("text_collection.embedder", load, Embedder.close)


def _delete(file: Path, document: str) -> bool:
    with Index.opened(file) as index:
        return index.delete(document) if index else False


def _results(file: Path, request: Search, query: Query | None) -> list[Result]:
    with Index.opened(file) as index:
        return search(index, request, query) if index else []
