"""Where content comes from and what it is: inline, a URL, an object; and what cannot be read."""

from __future__ import annotations

import base64
import io
import zipfile
from dataclasses import replace
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from pydantic import ValidationError

from events.errors import ErrorType, RetryableError, ToolError
from functions.host.egress import EgressPolicy, EgressRefused, session
from functions.text_collection.handler import handle
from functions.text_collection.models import In

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from functions.host.context import Context

    Call = Callable[..., Awaitable[dict[str, Any]]]

PAGE = "<html><body><h1>Owls</h1><p>Owls sleep by day.</p></body></html>"


def encoded(data: bytes) -> str:
    """Return base64."""
    return base64.b64encode(data).decode()


async def test_an_object_is_ingested(call: Call, context: Context, documents: list[Path]) -> None:
    """Content may be a key of the object store; its suffix tells the format."""
    pdf = next(path for path in documents if path.suffix == ".pdf")
    await context.objects.put("handbook/warranty.pdf", pdf.read_bytes())
    document = {"id": "w", "object": "handbook/warranty.pdf"}
    assert (await call("ingest", document=document))["title"] == "Warranty and returns"
    results = (await call("search", query="refund", mode="keyword"))["results"]
    assert (results[0]["source"], results[0]["position"]["page"]) == ("handbook/warranty.pdf", 2)


async def test_a_missing_object_is_named(call: Call) -> None:
    """An object that is not there is a terminal error with its key."""
    with pytest.raises(ToolError, match=r"'w' \(gone\.pdf\) cannot be read.*no such object"):
        await call("ingest", document={"id": "w", "object": "gone.pdf"})


@pytest.fixture
async def server() -> AsyncIterator[TestServer]:
    """A web server with pages, failures and an endless page."""

    async def page(_: web.Request) -> web.Response:
        return web.Response(text=PAGE, content_type="text/html")

    async def status(request: web.Request) -> web.Response:
        headers = {"Retry-After": request.query.get("after", "7")}
        return web.Response(status=int(request.match_info["status"]), headers=headers)

    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b"owl " * 10_000)

    app = web.Application()
    app.add_routes(
        [
            web.get("/owls", page),
            web.get("/status/{status}", status),
            web.get("/endless.txt", endless),
        ]
    )
    running = TestServer(app)
    await running.start_server()
    yield running
    await running.close()


async def test_a_url_is_ingested(call: Call, server: TestServer) -> None:
    """Content may be fetched; the served media type tells the format."""
    url = str(server.make_url("/owls"))
    assert (await call("ingest", document={"id": "o", "url": url}))["title"] == "Owls"
    results = (await call("search", query="owls"))["results"]
    assert (results[0]["source"], results[0]["text"]) == (url, "# Owls\n\nOwls sleep by day.")


@pytest.mark.parametrize(("status", "retried"), [(404, False), (403, False), (503, True)])
async def test_a_url_that_fails(
    call: Call, server: TestServer, status: int, *, retried: bool
) -> None:
    """A server's own failure is worth another attempt, at its time; a refusal is terminal."""
    document = {"id": "o", "url": str(server.make_url(f"/status/{status}"))}
    with pytest.raises(ToolError, match=str(status)) as raised:
        await call("ingest", document=document)
    assert isinstance(raised.value, RetryableError) is retried
    assert getattr(raised.value, "retry_after", 7.0) == 7.0


async def test_a_server_may_name_the_day(call: Call, server: TestServer) -> None:
    """Retry-After may be an HTTP-date, as for every tool: one that is past asks for no wait."""
    url = server.make_url("/status/503").with_query(after="Fri, 31 Dec 1999 23:59:59 GMT")
    with pytest.raises(RetryableError) as raised:
        await call("ingest", document={"id": "o", "url": str(url)})
    assert raised.value.retry_after == 0


async def test_the_egress_policy_holds(context: Context, server: TestServer) -> None:
    """What the egress policy refuses is a terminal refusal, not a failure to try again."""
    url = str(server.make_url("/owls"))
    request = In.model_validate({"operation": "ingest", "document": {"id": "o", "url": url}})
    async with session(EgressPolicy()) as guarded:
        with pytest.raises(EgressRefused):
            await handle(request, replace(context, http=guarded))
    async with session(EgressPolicy((ip_network("127.0.0.0/8"),))) as allowing:
        result = await handle(request, replace(context, http=allowing))
    assert result.model_dump()["outcome"] == "added"


async def test_an_unreachable_url_is_retried(call: Call, unused_tcp_port: int) -> None:
    """No answer at all is worth another attempt."""
    document = {"id": "o", "url": f"http://127.0.0.1:{unused_tcp_port}/x.txt"}
    with pytest.raises(RetryableError, match="cannot be fetched"):
        await call("ingest", document=document)


async def test_a_url_that_is_none(call: Call) -> None:
    """What is no http URL is a terminal error."""
    for url in ("file:///etc/passwd", "nonsense", "http://"):
        with pytest.raises(ToolError) as raised:
            await call("ingest", document={"id": "o", "url": url})
        assert not isinstance(raised.value, RetryableError), url


async def test_size_is_limited(
    server: TestServer, monkeypatch: pytest.MonkeyPatch, context: Context
) -> None:
    """A document over the limit is refused, an endless one without reading it to its end."""
    from functions.host.context import Resources

    monkeypatch.setenv("TENDRIL_TEXT_COLLECTION_MAX_DOCUMENT_BYTES", "100000")
    small = replace(context, resources=Resources())
    for content in ({"url": str(server.make_url("/endless.txt"))}, {"text": "owl" * 100_000}):
        request = {"operation": "ingest", "document": {"id": "o", **content}}
        with pytest.raises(ToolError, match="100,000 are allowed"):
            await handle(In.model_validate(request), small)


def _encrypted(pdf: bytes) -> bytes:
    from pypdf import PdfReader, PdfWriter

    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(pdf)))
    writer.encrypt("secret", algorithm="RC4-128")
    written = io.BytesIO()
    writer.write(written)
    return written.getvalue()


def _blank() -> bytes:
    from pypdf import PdfWriter

    writer = PdfWriter()
    writer.add_blank_page(100, 100)
    written = io.BytesIO()
    writer.write(written)
    return written.getvalue()


def _bomb() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", b"\0" * 210_000_000)
    return packed.getvalue()


BAD: list[tuple[str, Callable[[bytes], bytes], str]] = [
    ("truncated.pdf", lambda pdf: pdf[:-200], "the PDF is truncated"),
    ("encrypted.pdf", _encrypted, "the PDF is encrypted"),
    ("scanned.pdf", lambda _: _blank(), "no text in it, perhaps only scanned pages"),
    ("no.pdf", lambda _: b"Hello", "it is not a PDF"),
    ("damaged.pdf", lambda _: b"%PDF-1.4\nnothing\n%%EOF\n", "the PDF is damaged"),
    ("cut.docx", lambda _: b"PK\x03\x04 and no more", "the DOCX is truncated or damaged"),
    ("bomb.docx", lambda _: _bomb(), "the DOCX unpacks to 210,000,000 bytes"),
    ("old.docx", lambda _: b"\xd0\xcf\x11\xe0" + b"\0" * 600, "encrypted, or an old .doc"),
    ("empty.txt", lambda _: b"", "it is empty"),
    ("blank.md", lambda _: b" \n\n ", "there is no text in it"),
    ("binary.txt", lambda _: b"\x00\x01\x02\xff" * 50, "it is not text"),
    ("script.html", lambda _: b"<html><script>1</script></html>", "there is no text in it"),
    ("picture.png", lambda _: b"\x89PNG\r\n\x1a\n", "its format is not known"),
]


@pytest.mark.parametrize(("name", "make", "reason"), BAD, ids=[name for name, _, _ in BAD])
async def test_a_document_that_cannot_be_read(
    call: Call,
    documents: list[Path],
    context: Context,
    name: str,
    make: Callable[[bytes], bytes],
    reason: str,
) -> None:
    """Each is a terminal validation error that names the document and what is wrong with it."""
    pdf = next(path for path in documents if path.suffix == ".pdf").read_bytes()
    document = {"id": "bad", "filename": name, "data": encoded(make(pdf))}
    with pytest.raises(ToolError) as raised:
        await call("ingest", document=document)
    problem = raised.value.problem
    assert problem.type == ErrorType.VALIDATION
    assert (problem.detail or "").startswith(f"document 'bad' ({name}) cannot be read: ")
    assert reason in (problem.detail or "")
    assert list(context.folder.iterdir()) == []


async def test_the_demo_breaks_and_mends(
    call: Call, broken: Path, as_document: Callable[..., dict[str, Any]]
) -> None:
    """The demo's broken document cannot be read; its repaired twin answers in its place."""
    with pytest.raises(ToolError, match=r"price-list\.pdf.*truncated"):
        await call("ingest", document=as_document(broken))
    repaired = as_document(broken.with_suffix(".repaired.pdf"), id=broken.name)
    assert (await call("ingest", document=repaired))["outcome"] == "added"
    question = "How much does the Marlow starter kit cost?"
    assert "249 euros" in (await call("search", query=question))["results"][0]["text"]


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"text": "a", "url": "https://example.com"},
        {"text": "a", "unknown": 1},
        {"text": "a", "metadata": {"list": [1]}},
        {"text": "a", "format": "odt"},
    ],
)
def test_a_wrong_request_is_refused(content: dict[str, Any]) -> None:
    """No content, two contents, unknown fields and formats, nested metadata are refused."""
    with pytest.raises(ValidationError):
        In.model_validate({"operation": "ingest", "document": {"id": "a", **content}})


@pytest.mark.parametrize("name", ["", "../up", "a/b", "UPPER", ".hidden", "x" * 64, "名"])
def test_a_collection_name_is_no_path(name: str) -> None:
    """A collection's name cannot leave the tool's folder."""
    with pytest.raises(ValidationError):
        In.model_validate({"operation": "search", "collection": name, "query": "x"})


async def test_bad_base64_is_named(call: Call) -> None:
    """Data that is not base64 is a terminal error."""
    with pytest.raises(ToolError, match="not base64"):
        await call("ingest", document={"id": "b", "data": "%%%", "filename": "a.txt"})


@pytest.mark.parametrize(
    ("hints", "text"),
    [
        ({"filename": "notes.pdf"}, "# No heading"),
        ({"source": "https://example.com/a.html"}, "# No heading"),
        ({"filename": "notes.md"}, "# No heading"),
        ({"media_type": "text/html"}, "<p>Words</p>"),
    ],
)
async def test_inline_text_is_text(call: Call, hints: dict[str, str], text: str) -> None:
    """Inline text is text, Markdown or HTML, whatever the file it was taken from is called."""
    made = await call("ingest", document={"id": "n", "text": text, **hints})
    assert made["outcome"] == "added"
    found = (await call("search", query="heading words", mode="keyword"))["results"][0]
    assert found["text"] == ("Words" if "media_type" in hints else text)
    with pytest.raises(ToolError, match="text cannot be docx"):
        await call("ingest", document={"id": "n", "text": text, "format": "docx"})
