"""Passages: they are the text, in order, within the size, and know where they stand."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from functions.text_collection.outline import structured
from functions.text_collection.parsing import Heading, Parsed
from functions.text_collection.splitting import path, split

PIECES = st.sampled_from(
    ["# Head\n", "## Sub\n\n", "word ", "Satz. ", "\n\n", "\n", "- item\n", "```\ncode\n```\n",
     "云雀仪器。", "é", "🙂", "| a | b |\n", "    indented\n", "***", "\t", "> quote\n"]
)  # fmt: skip
TEXTS = st.lists(PIECES, min_size=1, max_size=80).map("".join).filter(str.strip)


@given(TEXTS, st.integers(20, 60))
def test_markdown_passages_are_slices_in_order(text: str, size: int) -> None:
    """Each passage is exactly text[start:end]; none overlap; only white space is between them."""
    parsed, end = structured(text), 0
    for passage in split(parsed, size, len):
        assert len(passage.text) <= size + size // 4 + 4  # and the line feeds between
        assert parsed.text[passage.start : passage.end] == passage.text
        assert passage.start >= end
        assert not parsed.text[end : passage.start].strip()
        end = passage.end
    assert not parsed.text[end:].strip()


@given(st.lists(TEXTS, min_size=1, max_size=5), st.integers(20, 60))
def test_passages_keep_to_their_page_and_size(pages: list[str], size: int) -> None:
    """A plain text's passages fit the size, and each lies within the page it names."""
    starts = [sum(len(page) for page in pages[:n]) for n in range(len(pages))]
    parsed = Parsed("".join(pages), markdown=False, pages=tuple(starts))
    for passage in split(parsed, size, len):
        assert passage.page is not None
        begin = starts[passage.page - 1]
        assert begin <= passage.start < passage.end <= begin + len(pages[passage.page - 1])
        assert len(passage.text) <= size


def test_a_heading_stays_with_its_section() -> None:
    """A heading whose section is too long for one passage begins the section's first one."""
    text = "# One\n\n" + "A sentence of some length. " * 10
    passages = split(structured(text), 60, len)
    assert passages[0].text.startswith("# One\n\nA sentence")
    assert all(passage.headings == ("One",) for passage in passages)


def test_heading_paths() -> None:
    """A path holds the headings above an offset; a heading ends those of its level or below."""
    headings = [Heading(0, 1, "A"), Heading(10, 2, "B"), Heading(20, 3, "C"), Heading(30, 2, "D")]
    assert path(headings, 25) == ("A", "B", "C")
    assert path(headings, 30) == ("A", "D")
    assert path([], 5) == ()
