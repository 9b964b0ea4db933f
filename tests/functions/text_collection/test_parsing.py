"""Bytes to text: each format's structure, encodings, and documents made to do harm."""

from __future__ import annotations

import asyncio
import io
from typing import TYPE_CHECKING

import pytest

from functions.text_collection.formats import detect
from functions.text_collection.isolation import ParsingLimits, parse_apart
from functions.text_collection.parsing import UnreadableError, parse
from functions.text_collection.reader import answer_to

if TYPE_CHECKING:
    from functions.text_collection.models import Format

LIMITS = ParsingLimits(seconds=20.0, memory=1 << 30)
PAGE = """<!doctype html><html><head><title>Tools</title><style>p {}</style></head><body>
<nav><a href="/">Home</a></nav>
<main><h1>Tools</h1><p>Some <b>bold</b><br>words &amp; <a href="x">a
link</a>.</p><!-- secret --><ul><li>one<ul><li>inner</li></ul></li><li><p>two</p></li></ul>
<ol><li>first</li></ol><pre>x = 1
# no heading</pre><table><tr><th>a</th><th>b</th></tr><tr><td>1</td><td>2</td></tr></table>
<div>loose <span><h2>Deep</h2></span> end</div></main></body></html>"""


def test_html_keeps_structure() -> None:
    """Headings, lists, tables and code become Markdown; the page's frame goes."""
    parsed = parse(PAGE.encode(), "html")
    assert parsed.text == (
        "# Tools\n\nSome bold words & a link.\n\n- one\n  - inner\n- two\n\n1. first\n\n"
        "```\nx = 1\n# no heading\n```\n\n| a | b |\n| --- | --- |\n| 1 | 2 |\n\n"
        "loose\n\n## Deep\n\nend"
    )
    assert [(heading.level, heading.title) for heading in parsed.headings] == [
        (1, "Tools"),
        (2, "Deep"),
    ]
    assert parsed.title == "Tools"


def test_docx_keeps_structure() -> None:
    """Word's title, headings, lists and tables become Markdown in their order."""
    import docx

    document = docx.Document()
    document.add_heading("Guide", 0)
    document.add_heading("Part", 1)
    document.add_paragraph("Words.")
    document.add_paragraph("one", style="List Bullet")
    table = document.add_table(rows=2, cols=2)
    for cell, text in zip(table._cells, "abcd", strict=True):
        cell.text = text
    written = io.BytesIO()
    document.save(written)
    parsed = parse(written.getvalue(), "docx")
    assert parsed.text == (
        "# Guide\n\n## Part\n\nWords.\n\n- one\n\n| a | b |\n| --- | --- |\n| c | d |"
    )


def test_markdown_stays_as_written() -> None:
    """Markdown's text is unchanged; headings in code blocks are none, underlined ones are."""
    text = "Top\n===\n\n```\n# code\n```\n\n## A *b*\n"
    parsed = parse(text.encode(), "markdown")
    assert parsed.text == text
    assert [(heading.offset, heading.level) for heading in parsed.headings] == [(0, 1), (25, 2)]


@pytest.mark.parametrize(
    ("data", "charset"),
    [
        ("Füße 云雀".encode(), None),
        ("Füße 云雀".encode("utf-8-sig"), None),
        ("Füße 云雀".encode("utf-16"), None),
        ("Füße 云雀".encode("gb18030"), None),
        ("Füße 云雀".encode("utf-16-be"), "utf-16-be"),
    ],
)
def test_text_in_any_usual_encoding(data: bytes, charset: str | None) -> None:
    """UTF-8, UTF-16, GB 18030 and declared encodings are read."""
    assert parse(data, "text", charset).text == "Füße 云雀"


@pytest.mark.parametrize(
    ("explicit", "media_type", "name", "data", "expected"),
    [
        (None, "text/html; charset=utf-8", "a.txt", b"", "html"),
        (None, "application/octet-stream", "https://example.com/a%20b.PDF?x=1", b"", "pdf"),
        (None, "text/plain", "notes.md", b"", "markdown"),
        (None, "text/plain", None, b"%PDF-1.7", "pdf"),
        (None, None, None, b"\xef\xbb\xbf<!DOCTYPE html>", "html"),
        ("text", "text/html", "a.pdf", b"%PDF-1.7", "text"),
        (None, None, "a.xyz", b"words", None),
    ],
)
def test_the_format_is_told(
    explicit: Format | None,
    media_type: str | None,
    name: str | None,
    data: bytes,
    expected: Format | None,
) -> None:
    """The surest witness is asked first: the caller, the media type, the name, the content."""
    found = detect(explicit=explicit, media_types=[media_type], names=[name], data=data)
    assert found == expected


@pytest.mark.parametrize(
    ("data", "form"),
    [
        (b"<div>" * 50_000 + b"deep", "html"),
        (b"> " * 100_000 + b"deep", "markdown"),
        (b"[" * 60_000, "markdown"),
        (b"<!DOCTYPE x [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><p>&a;</p>", "html"),
    ],
)
async def test_documents_made_to_do_harm(data: bytes, form: str) -> None:
    """Whatever the bytes are, the answer is a text or a reason, within the limits."""
    try:
        answer = (await parse_apart(data, form, None, LIMITS)).text
    except UnreadableError as error:
        answer = str(error)
    assert answer
    assert "root:" not in answer


async def test_limits_hold() -> None:
    """A document that takes too long or too much memory is given up, with the reason."""
    with pytest.raises(UnreadableError, match=r"longer than 0\.01 s"):
        await parse_apart(b"x", "html", None, ParsingLimits(0.01, 1 << 30))
    with pytest.raises(UnreadableError, match=r"memory|broke the parser"):
        await parse_apart(b"<p>x" * 500_000, "html", None, ParsingLimits(20.0, 128 << 20))


async def test_a_cancelled_parse_ends_its_process() -> None:
    """When the handler is cancelled, the child is ended, not left behind."""
    parsing = asyncio.create_task(parse_apart(b"<p>" * 500_000, "html", None, LIMITS))
    await asyncio.sleep(0)
    parsing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await parsing


def test_a_parser_that_breaks_is_a_reason() -> None:
    """An unexpected error of a parser becomes a reason, not a crash."""
    hollow = b"%PDF-1.4\ntrailer<</Root 1 0 R>>\n%%EOF"
    assert "broken" in (said := answer_to(hollow, "pdf", None)["unreadable"]) or "damaged" in said
