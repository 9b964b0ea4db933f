"""Which format a document's bytes are in, told by what is known about them."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final, get_args
from urllib.parse import unquote, urlsplit

from functions.text_collection.models import Format

if TYPE_CHECKING:
    from collections.abc import Iterable

FORMATS: Final[tuple[Format, ...]] = get_args(Format)

_BY_MEDIA_TYPE: Final[dict[str, Format]] = {
    "text/plain": "text",
    "text/markdown": "markdown",
    "text/x-markdown": "markdown",
    "text/html": "html",
    "application/xhtml+xml": "html",
    "application/pdf": "pdf",
    "application/x-pdf": "pdf",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
}
_BY_SUFFIX: Final[dict[str, Format]] = {
    ".txt": "text",
    ".text": "text",
    ".md": "markdown",
    ".markdown": "markdown",
    ".html": "html",
    ".htm": "html",
    ".xhtml": "html",
    ".pdf": "pdf",
    ".docx": "docx",
}


def by_media_type(media_type: str | None) -> Format | None:
    """Return the format that a media type names, its parameters left aside."""
    return _BY_MEDIA_TYPE.get((media_type or "").partition(";")[0].strip().lower())


def by_name(name: str | None) -> Format | None:
    """Return the format that the suffix of a file name, an object key or a URL's path tells."""
    if not name:
        return None
    path = urlsplit(name).path if "://" in name else name
    return _BY_SUFFIX.get(PurePosixPath(unquote(path)).suffix.lower())


def by_content(data: bytes) -> Format | None:
    """Return the format that the first bytes prove; text cannot be told from its bytes."""
    head = data[:1024].lstrip(b"\xef\xbb\xbf \t\r\n")
    if head.startswith(b"%PDF-"):
        return "pdf"
    if head.startswith(b"PK\x03\x04") and b"word/document.xml" in data:
        return "docx"
    if head[:15].lower().startswith((b"<!doctype html", b"<html")):
        return "html"
    return None


def detect(
    *,
    explicit: Format | None,
    media_types: Iterable[str | None],
    names: Iterable[str | None],
    data: bytes,
) -> Format | None:
    """Return the format, asking the surest witness first; None when none of them knows.

    `text/plain` is believed last: servers say it of anything they do not know.
    """
    if explicit is not None:
        return explicit
    told = [*map(by_media_type, media_types)]
    witnesses = [*told, *map(by_name, names), by_content(data)]
    sure = next((found for found in witnesses if found not in (None, "text")), None)
    return sure or ("text" if "text" in witnesses else None)
