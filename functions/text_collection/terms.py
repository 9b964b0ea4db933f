"""The words of a text as the keyword index knows them, in any script.

Scripts without spaces between words become overlapping pairs of characters, as Lucene's
CJKAnalyzer makes them: no dictionary, no unknown words, and a word of two characters is found
(SQLite's trigram tokenizer needs three, its unicode61 takes a whole sentence for one word).
"""

from __future__ import annotations

import re
import unicodedata
from itertools import pairwise
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST: Final = 128
"""Distinct terms of a query that are looked up; FTS5 limits the size of an expression."""

# Han, kana, Hangul and their extensions: written without spaces, or with endings glued on.
_UNSPACED: Final = (
    r"\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u9fff"
    r"\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
)
_RUN: Final = re.compile(rf"[{_UNSPACED}]+|[^\W{_UNSPACED}]+")
_IS_UNSPACED: Final = re.compile(rf"[{_UNSPACED}]")


def indexed(text: str) -> str:
    """Return the text as space-separated terms for the index.

    A run of unspaced script also gives its last character, so that every character begins a term.
    """
    terms: list[str] = []
    for run in _runs(text):
        if _IS_UNSPACED.match(run):
            terms += [*_pairs(run), run[-1]]
        else:
            terms.append(run)
    return " ".join(terms)


def match(query: str) -> str | None:
    """Return the FTS5 expression that finds any of a query's terms; None when it has no term.

    Terms are made of letters and digits only and are quoted: a query is never FTS5 syntax.
    """
    terms: dict[str, None] = {}
    for run in _runs(query):
        if not _IS_UNSPACED.match(run):
            terms[f'"{run}"'] = None
        elif len(run) == 1:
            terms[f'"{run}"*'] = None
        else:
            terms.update(dict.fromkeys(f'"{pair}"' for pair in _pairs(run)))
    return " OR ".join(list(terms)[:MOST]) or None


def _runs(text: str) -> Iterator[str]:
    folded = unicodedata.normalize("NFKC", text).casefold()
    return (found[0] for found in _RUN.finditer(folded))


def _pairs(run: str) -> list[str]:
    return [first + second for first, second in pairwise(run)]
