"""HTML, read as Markdown: headings, paragraphs, lists, tables and code, no page frame."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from functions.text_collection.outline import structured
from functions.text_collection.word import as_table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bs4 import BeautifulSoup
    from bs4.element import PageElement, Tag

    from functions.text_collection.parsing import Parsed

_FRAME: Final = ["script", "style", "noscript", "template", "svg", "iframe", "nav", "button"]
_HEADINGS: Final = {f"h{level}": level for level in range(1, 7)}
_BLOCKS: Final = [
    *("address", "article", "aside", "blockquote", "body", "dd", "details", "div", "dl", "dt"),
    *("fieldset", "figcaption", "figure", "footer", "form", "header", "hr", "html", "li", "main"),
    *("ol", "p", "pre", "section", "summary", "table", "title", "ul"),
    *_HEADINGS,
]


def parse_html(data: bytes, charset: str | None) -> Parsed:
    """Return the page's own content as Markdown, with its outline."""
    from bs4 import BeautifulSoup

    soup = BeautifulSoup(data, "html.parser", from_encoding=charset)
    for element in soup(_FRAME):
        element.decompose()
    title = soup.title.get_text(" ", strip=True) if soup.title else ""
    blocks = [block for block in _render(_content(soup)) if block.strip()]
    return structured("\n\n".join(blocks), title=title or None)


def _content(soup: BeautifulSoup) -> Tag:
    return soup.find("main") or soup.body or soup


def _render(node: Tag) -> Iterator[str]:
    from bs4.element import Tag

    words: list[str] = []
    for child in node.children:
        if isinstance(child, Tag) and (child.name in _BLOCKS or child.find(_BLOCKS)):
            yield _line("".join(words))
            words = []
            yield from _block(child)
        else:
            words.append(_inline(child))
    yield _line("".join(words))


def _block(tag: Tag) -> Iterator[str]:
    match tag.name:
        case name if name in _HEADINGS:
            yield f"{'#' * _HEADINGS[name]} {_line(tag.get_text())}"
        case "ul" | "ol":
            yield "\n".join(_items(tag, ordered=tag.name == "ol"))
        case "pre":
            yield f"```\n{tag.get_text().strip(chr(10))}\n```"
        case "table":
            yield as_table([_cells(row) for row in tag.find_all("tr")])
        case "title":
            return
        case _:
            yield from _render(tag)


def _items(tag: Tag, *, ordered: bool) -> Iterator[str]:
    for number, item in enumerate(tag.find_all("li", recursive=False), 1):
        mark = f"{number}." if ordered else "-"
        text = "\n".join(block for block in _render(item) if block)
        yield f"{mark} " + text.replace("\n", "\n" + " " * (len(mark) + 1))


def _cells(row: Tag) -> list[str]:
    return [_line(cell.get_text(" ")) for cell in row.find_all(["th", "td"])]


def _inline(node: PageElement) -> str:
    from bs4.element import CData, NavigableString, Tag

    if isinstance(node, Tag):
        return "\n" if node.name == "br" else "".join(map(_inline, node.children))
    return str(node) if type(node) in (NavigableString, CData) else ""


def _line(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()
