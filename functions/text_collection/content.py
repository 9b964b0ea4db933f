"""A document's content: its bytes, from wherever the request says they are."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import Message
from typing import TYPE_CHECKING, Final

from events.errors import ErrorType, RetryableError, ToolError
from functions.host import retry_after
from functions.text_collection.formats import FORMATS, detect

if TYPE_CHECKING:
    import aiohttp

    from functions.host.context import Context
    from functions.text_collection.models import Document, Format

_PASSING: Final = frozenset({408, 425, 429})
_BINARY: Final = ("pdf", "docx")
_SECONDS: Final = 60.0
"""Longest that fetching a document may take."""


@dataclass(frozen=True, slots=True)
class Content:
    """Bytes, what format they are in, and the charset that came with them."""

    data: bytes
    form: Format
    charset: str | None


def unreadable(document: Document, reason: str) -> ToolError:
    """Return the error for a document that cannot be ingested as it is."""
    named = f" ({document.name})" if document.name != document.id else ""
    return ToolError(
        f"document {document.id!r}{named} cannot be read: {reason}",
        type=ErrorType.VALIDATION,
        title="Unreadable document",
    )


async def content_of(document: Document, context: Context, most: int) -> Content:
    """Return a document's content of at most `most` bytes.

    Raises ToolError when it is too large, missing or in no known format, and RetryableError when
    it cannot be had just now.
    """
    media_type = document.media_type
    if document.text is not None:
        data = document.text.encode("utf-8", "replace")
    elif document.data is not None:
        data = _decoded(document)
    elif document.object is not None:
        data = await _stored(document, context)
    else:
        data, served = await _fetched(document, context.http, most)
        media_type = media_type or served
    if len(data) > most:
        raise _too_large(document, f"{len(data):,}", most)
    return Content(data, _form(document, media_type, data), _charset(document, media_type))


def _decoded(document: Document) -> bytes:
    try:
        return base64.b64decode("".join((document.data or "").split()), validate=True)
    except binascii.Error as error:
        raise unreadable(document, f"its data is not base64 ({error})") from error


async def _stored(document: Document, context: Context) -> bytes:
    from functions.host.objects import ObjectMissing

    try:
        return await context.objects.get(document.object or "")
    except ObjectMissing as error:
        raise unreadable(document, "the object store has no such object") from error


async def _fetched(
    document: Document, http: aiohttp.ClientSession, most: int
) -> tuple[bytes, str | None]:
    import aiohttp

    timeout = aiohttp.ClientTimeout(total=_SECONDS)
    try:
        async with http.get(document.url or "", timeout=timeout) as response:
            _check(document, response)
            data = await response.content.read(0)
            while chunk := await response.content.readany():
                data += chunk
                if len(data) > most:
                    raise _too_large(document, "more", most)
            return data, response.headers.get("Content-Type")
    except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError, ValueError) as error:
        raise unreadable(document, f"its url is not one to fetch ({error})") from error
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        why = str(error) or type(error).__name__
        raise RetryableError(f"{document.url} cannot be fetched: {why}") from error


def _check(document: Document, response: aiohttp.ClientResponse) -> None:
    status = response.status
    if status in _PASSING or status >= 500:  # noqa: PLR2004 - a server's own failure
        wait = retry_after.parse(response.headers.get("Retry-After"), datetime.now(UTC))
        raise RetryableError(f"{document.url} answered {status}", retry_after=wait)
    if status != 200:  # noqa: PLR2004 - anything else carries no document
        raise unreadable(document, f"fetching it was answered {status}")


def _too_large(document: Document, size: str, most: int) -> ToolError:
    return unreadable(
        document,
        f"it has {size} bytes where {most:,} are allowed; split it or raise "
        "TENDRIL_TEXT_COLLECTION_MAX_DOCUMENT_BYTES",
    )


def _form(document: Document, media_type: str | None, data: bytes) -> Format:
    names = (document.filename, document.url, document.object)
    found = detect(explicit=document.format, media_types=[media_type], names=names, data=data)
    if document.text is not None:
        return _inline(document, found)
    if found is None:
        hint = f"its format is not known (media type {media_type or 'not given'})"
        raise unreadable(document, f"{hint}; set format to one of {', '.join(FORMATS)}")
    return found


def _inline(document: Document, found: Format | None) -> Format:
    """Return inline text's format; a name like `x.pdf` says where the text was taken from."""
    if found not in _BINARY:
        return found or "text"
    if document.format in _BINARY:
        raise unreadable(document, f"text cannot be {found}; send its bytes as data, base64")
    return "text"


def _charset(document: Document, media_type: str | None) -> str | None:
    if document.text is not None:
        return "utf-8"
    header = Message()
    header["Content-Type"] = media_type or ""
    return header.get_content_charset()
