"""Which script a text is written in: the most that can be told of its language for certain."""

from __future__ import annotations

import unicodedata
from collections import Counter
from itertools import islice
from typing import Final

_LETTERS: Final = 400
"""How many letters of a text are looked at."""
_KANA: Final = ("HIRAGANA", "KATAKANA")


def script(text: str) -> str:
    """Return the script of most letters, as Unicode names it (LATIN, CJK, ...); "" without any.

    A tenth of kana among Chinese characters makes it Japanese, KANA.
    """
    folded = unicodedata.normalize("NFKC", text[: _LETTERS * 8])
    letters = islice((c for c in folded if c.isalpha()), _LETTERS)
    names = Counter(unicodedata.name(c, "").partition(" ")[0].partition("-")[0] for c in letters)
    if sum(names[kana] for kana in _KANA) * 10 > names.total():
        return "KANA"
    return names.most_common(1)[0][0] if names else ""
