"""PDF, read page by page."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

from functions.text_collection.parsing import CHARACTERS, Parsed, UnreadableError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pypdf import PdfReader

_SEPARATOR = "\n\n"


def parse_pdf(data: bytes, charset: str | None) -> Parsed:  # noqa: ARG001 - one parser signature
    """Return the text of every page, with each page's offset."""
    reader = _open(data)
    pages = list(_pages(reader))
    offsets, offset = [], 0
    for page in pages:
        offsets.append(offset)
        offset += len(page) + len(_SEPARATOR)
    return Parsed(
        text=_SEPARATOR.join(pages), title=_title(reader), markdown=False, pages=tuple(offsets)
    )


def _open(data: bytes) -> PdfReader:
    from pypdf import PdfReader
    from pypdf.errors import DependencyError, PyPdfError

    if b"%PDF-" not in data[:1024]:
        raise UnreadableError("it is not a PDF: the header %PDF- is missing")
    # pypdf would repair a cut file and silently read what is left of it.
    if b"%%EOF" not in data[-2048:]:
        raise UnreadableError("the PDF is truncated: its end (%%EOF) is missing; send it whole")
    try:
        reader = PdfReader(io.BytesIO(data))
        if reader.is_encrypted and not reader.decrypt(""):
            raise UnreadableError("the PDF is encrypted; send it without a password")
        len(reader.pages)
    except DependencyError as error:
        raise UnreadableError("the PDF is encrypted; send it without a password") from error
    except PyPdfError as error:
        raise UnreadableError(f"the PDF is damaged ({error}); export it again") from error
    return reader


def _pages(reader: PdfReader) -> Iterator[str]:
    total = 0
    for page in reader.pages:
        text = _tidy(page.extract_text())
        total += len(text)
        if total > CHARACTERS:
            raise UnreadableError(f"it has more than {CHARACTERS:,} characters of text; split it")
        yield text


def _tidy(text: str) -> str:
    text = text.replace("\0", "").replace("\r\n", "\n").replace("\r", "\n")
    return re.sub(r"[ \t]+\n", "\n", text).strip()


def _title(reader: PdfReader) -> str | None:
    title = reader.metadata.title if reader.metadata else None
    return str(title).strip() or None if title else None
