"""DOCX, read as Markdown: styles become headings and lists, tables become rows."""

from __future__ import annotations

import io
import re
import zipfile
from typing import TYPE_CHECKING, Final

from functions.text_collection.outline import structured
from functions.text_collection.parsing import Parsed, UnreadableError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from docx.document import Document
    from docx.table import Table
    from docx.text.paragraph import Paragraph

_UNPACKED: Final = 200 * 1024 * 1024
"""A DOCX is a zip: one that unpacks to more bytes than this is a bomb."""
_OLE: Final = b"\xd0\xcf\x11\xe0"
"""How a compound file starts: an encrypted DOCX, or the older .doc."""


def parse_docx(data: bytes, charset: str | None) -> Parsed:  # noqa: ARG001 - one parser signature
    """Return the document as Markdown, with its outline."""
    document = _open(data)
    blocks = [block for block in _blocks(document) if block.strip()]
    title = document.core_properties.title.strip() or None
    return structured("\n\n".join(blocks), title=title)


def _open(data: bytes) -> Document:
    import docx

    if data.startswith(_OLE):
        raise UnreadableError("it is encrypted, or an old .doc; save it as .docx without password")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
    except zipfile.BadZipFile as error:
        raise UnreadableError("the DOCX is truncated or damaged; send it whole") from error
    if unpacked > _UNPACKED:
        raise UnreadableError(f"the DOCX unpacks to {unpacked:,} bytes, more than {_UNPACKED:,}")
    try:
        return docx.Document(io.BytesIO(data))
    except (KeyError, ValueError, zipfile.BadZipFile) as error:
        raise UnreadableError(f"it is not a Word document ({error})") from error


def _blocks(document: Document) -> Iterator[str]:
    from docx.text.paragraph import Paragraph

    below = 0
    for block in document.iter_inner_content():
        if isinstance(block, Paragraph):
            below = max(below, int(_style(block) == "Title"))
            yield _paragraph(block, below)
        else:
            yield _table(block)


def _style(paragraph: Paragraph) -> str:
    return (paragraph.style.name if paragraph.style else None) or ""


def _paragraph(paragraph: Paragraph, below: int) -> str:
    """Return a paragraph as Markdown; headings stand `below` levels under a title."""
    text, style = paragraph.text.strip(), _style(paragraph)
    if not text:
        return ""
    if level := re.fullmatch(r"[Hh]eading (\d)", style):
        return f"{'#' * min(6, int(level[1]) + below)} {text}"
    if style == "Title":
        return f"# {text}"
    return f"- {text}" if style.startswith("List") else text


def _table(table: Table) -> str:
    rows = [[cell.text.strip().replace("\n", " ") for cell in row.cells] for row in table.rows]
    return as_table(rows)


def as_table(rows: list[list[str]]) -> str:
    """Return rows of cells as a Markdown table whose first row is the head."""
    lines = [f"| {' | '.join(row)} |" for row in rows if any(row)]
    if len(lines) > 1:
        lines.insert(1, "|" + " --- |" * len(rows[0]))
    return "\n".join(lines)
