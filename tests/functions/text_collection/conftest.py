"""The tool on its real parts: model, files, stores; the documents of the demo."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import aiohttp
import pytest

from functions.host.context import Context, Resources
from functions.host.objects import open_store
from functions.text_collection.handler import handle
from functions.text_collection.models import In

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    Call = Callable[..., Awaitable[dict[str, Any]]]

EXAMPLES = Path(__file__).parents[3] / "examples"


def context_in(folder: Path, resources: Resources, http: aiohttp.ClientSession) -> Context:
    """Return a handler's surroundings; `http` is a plain session that reaches loopback."""
    (folder / "tool").mkdir(parents=True, exist_ok=True)
    return Context(
        run="run-1",
        task="/do/0/collect#1",
        attempt=1,
        idempotency_key="key-1",
        timeout=60.0,
        log=logging.LoggerAdapter(logging.getLogger("test")),
        folder=folder / "tool",
        objects=open_store(f"file://{folder}/objects"),
        http=http,
        resources=resources,
    )


async def run(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Call the handler as the host does: JSON in, JSON out."""
    result = await handle(In.model_validate(request), context)
    return cast("dict[str, Any]", result.model_dump(mode="json", exclude_none=True))


def sent(path: Path, **also: Any) -> dict[str, Any]:
    """Return an ingest document of a file, sent inline; its name tells the format."""
    data = base64.b64encode(path.read_bytes()).decode()
    return {"id": path.name, "filename": path.name, "data": data, **also}


@pytest.fixture(scope="session")
def documents() -> list[Path]:
    """The demo's documents."""
    return sorted((EXAMPLES / "documents").iterdir())


@pytest.fixture(scope="session")
def broken() -> Path:
    """The demo's document that cannot be read."""
    return EXAMPLES / "documents-broken" / "price-list.pdf"


@pytest.fixture(scope="session")
def as_document() -> Callable[..., dict[str, Any]]:
    """Turn a file into an ingest document."""
    return sent


@pytest.fixture(scope="session")
def questions() -> list[dict[str, str]]:
    """One question of each document of the demo, in the document's language."""
    text = (Path(__file__).parent / "questions.json").read_text("utf-8")
    return cast("list[dict[str, str]]", json.loads(text))


@pytest.fixture(scope="session")
def resources() -> Resources:
    """One process's resources: the model is loaded once."""
    return Resources()


@pytest.fixture(scope="session")
def handbook(
    tmp_path_factory: pytest.TempPathFactory, resources: Resources, documents: list[Path]
) -> Path:
    """A folder whose collection `handbook` holds the demo's documents; tests only read it."""
    folder = tmp_path_factory.mktemp("handbook")

    async def fill() -> None:
        async with aiohttp.ClientSession() as http:
            context = context_in(folder, resources, http)
            for path in documents:
                language = "zh" if "-zh" in path.name else "en"
                metadata = {"language": language, "bytes": path.stat().st_size}
                document = sent(path, metadata=metadata)
                await run(
                    context,
                    {"operation": "ingest", "collection": "handbook", "document": document},
                )

    asyncio.run(fill())
    return folder


@pytest.fixture
async def context(tmp_path: Path, resources: Resources) -> AsyncIterator[Context]:
    """Surroundings with stores of the test's own."""
    async with aiohttp.ClientSession() as http:
        yield context_in(tmp_path, resources, http)


@pytest.fixture
def call(context: Context) -> Call:
    """Call the tool with stores of the test's own: operation and fields in, JSON out."""

    async def called(operation: str, **fields: Any) -> dict[str, Any]:
        return await run(context, {"operation": operation, **fields})

    return called


@pytest.fixture
def ask(context: Context, handbook: Path) -> Call:
    """Search the demo's documents."""

    async def asked(query: str, **fields: Any) -> dict[str, Any]:
        inside = replace(context, folder=handbook / "tool")
        request = {"operation": "search", "collection": "handbook", "query": query, **fields}
        return await run(inside, request)

    return asked
