"""Markdown, read for its headings; the text itself stays as it was written."""

from __future__ import annotations

from itertools import accumulate, pairwise

from functions.text_collection.parsing import Heading, Parsed, decode


def parse_markdown(data: bytes, charset: str | None) -> Parsed:
    """Return Markdown as it stands, with its outline."""
    return structured(decode(data, charset))


def structured(text: str, title: str | None = None) -> Parsed:
    """Return Markdown text with its outline; the first heading is the title unless one is given."""
    headings = outline(text)
    first = headings[0].title if headings else None
    return Parsed(text=text, title=title or first, headings=headings)


def outline(text: str) -> tuple[Heading, ...]:
    """Return the headings of Markdown in their order (CommonMark: none inside a code block)."""
    from markdown_it import MarkdownIt  # 0.1 s to import, and in the child only

    tokens = MarkdownIt("commonmark").parse(text)
    starts = [0, *accumulate(len(line) + 1 for line in text.split("\n"))]
    return tuple(
        Heading(starts[token.map[0]], int(token.tag[1:]), words.content.replace("\n", " ").strip())
        for token, words in pairwise(tokens)
        if token.type == "heading_open" and token.map
    )
