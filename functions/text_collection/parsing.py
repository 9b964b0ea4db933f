"""A document's bytes as text with its structure: headings and pages at their offsets.

Pure; `functions.text_collection.isolation` runs it in a process of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Self

if TYPE_CHECKING:
    from collections.abc import Callable

CHARACTERS: Final = 8_000_000
"""More text than this in one document is refused: it would take hours to embed."""


class UnreadableError(ValueError):
    """The bytes are not a readable document; the message says what is wrong with them."""


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading line: its offset in the text, its level from 1, and its words."""

    offset: int
    level: int
    title: str


@dataclass(frozen=True, slots=True)
class Parsed:
    """A document as text; Markdown where the format has a structure to keep."""

    text: str
    title: str | None = None
    markdown: bool = True
    headings: tuple[Heading, ...] = ()
    pages: tuple[int, ...] = field(default=())
    """Each page's offset in the text; empty for formats without pages."""

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """Read what `asdict` made of one."""
        headings = tuple(Heading(**heading) for heading in value["headings"])
        return cls(**{**value, "headings": headings, "pages": tuple(value["pages"])})


def parse(data: bytes, form: str, charset: str | None = None) -> Parsed:
    """Return the document's text and structure, or raise UnreadableError."""
    if not data:
        raise UnreadableError("it is empty")
    parsed = _parser(form)(data, charset)
    if not parsed.text.strip():
        raise UnreadableError(_WITHOUT_TEXT.get(form, "there is no text in it"))
    if len(parsed.text) > CHARACTERS:
        raise UnreadableError(
            f"it has {len(parsed.text):,} characters of text, more than {CHARACTERS:,}; split it"
        )
    return parsed


_WITHOUT_TEXT: Final = {
    "pdf": "there is no text in it, perhaps only scanned pages; run OCR over it first"
}


def _parser(form: str) -> Callable[[bytes, str | None], Parsed]:
    # Each parser's library takes 0.1 to 0.6 s to import: only the one that is needed is.
    match form:
        case "pdf":
            from functions.text_collection.pdf import parse_pdf as parser
        case "docx":
            from functions.text_collection.word import parse_docx as parser
        case "html":
            from functions.text_collection.hypertext import parse_html as parser
        case "markdown":
            from functions.text_collection.outline import parse_markdown as parser
        case _:
            parser = parse_text
    return parser


def parse_text(data: bytes, charset: str | None) -> Parsed:
    """Return plain text as it stands."""
    return Parsed(text=decode(data, charset), markdown=False)


def decode(data: bytes, charset: str | None) -> str:
    """Return text with line feeds, decoded as declared, as UTF-8/16, or as GB 18030."""
    bom = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else None
    for encoding in filter(None, (bom, charset, "utf-8-sig", "gb18030")):
        try:
            text = data.decode(encoding)
        except (UnicodeDecodeError, LookupError):
            continue
        if "\0" in text:
            break
        return text.replace("\r\n", "\n").replace("\r", "\n")
    raise UnreadableError(
        "it is not text: neither UTF-8 nor the encoding that it was sent with; "
        "convert it to UTF-8 or name its real format"
    )
