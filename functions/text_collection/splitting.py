"""A parsed document as passages: cut where its structure allows, each knowing where it stands."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from functions.text_collection.parsing import Heading, Parsed

VERSION: Final = "structure-1"
"""Part of a document's hash: change it when the same document would be cut differently."""

_HEADINGS_ONLY: Final = re.compile(r"(\s*#{1,6} [^\n]*)+\s*")


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of a document: `parsed.text[start:end] == text`."""

    text: str
    start: int
    end: int
    page: int | None
    headings: tuple[str, ...]


def split(parsed: Parsed, size: int, measure: Callable[[str], int]) -> list[Passage]:
    """Cut the text into passages of at most `size` by `measure` (tokens, as the model counts).

    No passage crosses a page. One whose headings were cut off may be larger by a quarter.
    """
    return [_passage(parsed, start, end) for start, end in _spans(parsed, size, measure)]


def _spans(parsed: Parsed, size: int, measure: Callable[[str], int]) -> Iterator[tuple[int, int]]:
    from semantic_text_splitter import MarkdownSplitter, TextSplitter

    kind = MarkdownSplitter if parsed.markdown else TextSplitter
    splitter = kind.from_callback(measure, size)
    for offset, text in _sections(parsed):
        chunks = [(offset + at, offset + at + len(c)) for at, c in splitter.chunk_indices(text)]
        if parsed.markdown:
            yield from _joined(parsed.text, chunks, lambda head: measure(head) <= size // 4)
        else:
            yield from chunks


def _sections(parsed: Parsed) -> Iterator[tuple[int, str]]:
    bounds = [*(parsed.pages or (0,)), len(parsed.text)]
    for start, end in pairwise(bounds):
        yield start, parsed.text[start:end]


def _joined(
    text: str, spans: Sequence[tuple[int, int]], short: Callable[[str], bool]
) -> Iterator[tuple[int, int]]:
    """Give a short heading that was cut off from its section back to it."""
    begin: int | None = None
    for index, (start, end) in enumerate(spans):
        begin = start if begin is None else begin
        head = _HEADINGS_ONLY.fullmatch(text, begin, end)
        if index == len(spans) - 1 or not head or not short(head[0]):
            yield begin, end
            begin = None


def _passage(parsed: Parsed, start: int, end: int) -> Passage:
    page = sum(offset <= start for offset in parsed.pages) or None
    return Passage(parsed.text[start:end], start, end, page, path(parsed.headings, start))


def path(headings: Sequence[Heading], offset: int) -> tuple[str, ...]:
    """Return the titles of the headings that an offset stands under, outermost first."""
    open_: list[Heading] = []
    for heading in headings:
        if heading.offset > offset:
            break
        open_ = [*(above for above in open_ if above.level < heading.level), heading]
    return tuple(heading.title for heading in open_)
