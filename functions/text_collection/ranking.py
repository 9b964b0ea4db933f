"""Rankings: passages by meaning, and two rankings made one.

A multilingual model puts texts of one language nearer together than their meaning does: in a
collection of several languages a question would find mostly passages of its own. Two measures
against it, both by script, which is known for certain:

- The mean of each script's vectors is taken away from them, and from a question of that script,
  before they are compared (as in Libovicky, Rosa and Fraser, "On the Language Neutrality of
  Pre-trained Multilingual Representations", 2020). A script with few vectors borrows from the
  mean of all, so that one lone passage keeps its meaning.
- A passage in another script has no words to share with the question. In the fusion its rank by
  meaning stands in for its rank by word.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from functions.text_collection.embedding import Vector

SMOOTHING: Final = 60
"""Of reciprocal rank fusion; the value of Cormack, Clarke and Buettcher (SIGIR 2009)."""
_BORROWED: Final = 3
"""As many vectors' weight does the mean of all have in the mean of a script."""
_HANDICAP: Final = 2
"""Ranks by which a rank by meaning stands in for one by word: a real one wins a near tie."""
_LEAST: Final = 1e-6
"""Keeps a vector that is its own mean from a division by zero."""
_BLOCK: Final = 2048
"""Vectors compared at a time: 3 MB."""


@dataclass(frozen=True, slots=True)
class Near:
    """A passage ranked by meaning."""

    key: int
    closeness: float
    """Cosine of the centred vectors; what passages are ranked by."""
    similarity: float
    """Cosine of the vectors as the model made them."""
    foreign: bool
    """Written in another script than the question."""


@dataclass(frozen=True, slots=True)
class Question:
    """A question's vector, its script, and the means to take away, by script."""

    vector: Vector
    script: str
    means: Mapping[str, Vector]


def means(samples: Mapping[str, Sequence[bytes]], asked: str) -> dict[str, Vector]:
    """Return each script's mean of sampled vectors; of the script that is asked in, too."""
    import numpy as np  # 0.3 s to import: a keyword search goes without

    sums = {script: _matrix(vectors).sum(axis=0) for script, vectors in samples.items() if vectors}
    if not sums:
        return {}
    overall = sum(sums.values()) / sum(len(samples[script]) for script in sums)
    nothing = np.zeros_like(overall)
    return {
        script: (sums.get(script, nothing) + _BORROWED * overall)
        / (len(samples.get(script, ())) + _BORROWED)
        for script in {*sums, asked}
    }


def nearest(
    passages: Iterable[tuple[int, str, bytes]], question: Question, depth: int
) -> list[Near]:
    """Return the passages nearest to a question, nearest first; exact, in bounded memory.

    `passages` are keys, scripts and vectors (float32 bytes).
    """
    best: list[Near] = []
    for block in _blocks(passages):
        found = [*best, *_compared(block, question, depth)]
        best = sorted(found, key=lambda near: (-near.closeness, near.key))[:depth]
    return best


def fuse(near: Sequence[int], worded: Sequence[int], foreign: Collection[int]) -> dict[int, float]:
    """Return scores by reciprocal rank fusion, best first; of equals, the nearer comes first.

    `foreign` are those of `near` that no word of the question could find.
    """
    scores: dict[int, float] = {}
    by_word = set(worded)
    for rank, key in enumerate(near, 1):
        scores[key] = 1 / (SMOOTHING + rank)
        if key in foreign and key not in by_word:
            scores[key] += 1 / (SMOOTHING + rank + _HANDICAP)
    for rank, key in enumerate(worded, 1):
        scores[key] = scores.get(key, 0.0) + 1 / (SMOOTHING + rank)
    return dict(sorted(scores.items(), key=lambda item: -item[1]))


def _compared(
    block: list[tuple[int, str, bytes]], question: Question, depth: int
) -> Iterator[Near]:
    import numpy as np

    matrix = _matrix([vector for _, _, vector in block])
    similar = matrix @ question.vector
    close = _closeness(matrix, [script for _, script, _ in block], question)
    for at in np.argsort(-close, kind="stable")[:depth].tolist():
        key, script, _ = block[at]
        foreign = script != question.script
        yield Near(key, float(close[at]), float(similar[at]), foreign=foreign)


def _closeness(matrix: Vector, scripts: Sequence[str], question: Question) -> Vector:
    """Return the cosines of centred unit vectors and the centred question.

    By the products with means, not by subtracting them from each vector: |v-m|^2 = 1-2vm+|m|^2.
    """
    import numpy as np

    places = {script: place for place, script in enumerate(question.means)}
    own = np.fromiter((places[script] for script in scripts), np.intp, len(scripts))
    centres = np.stack(list(question.means.values()))
    asked = question.vector - question.means[question.script]
    asked /= max(float(np.linalg.norm(asked)), _LEAST)
    products = matrix @ np.vstack([asked, centres]).T
    squares = 1 - 2 * products[np.arange(len(own)), own + 1] + (centres**2).sum(axis=1)[own]
    lengths = np.sqrt(np.maximum(squares, _LEAST))
    closeness: Vector = (products[:, 0] - (centres @ asked)[own]) / lengths
    return closeness


def _matrix(vectors: Sequence[bytes]) -> Vector:
    import numpy as np

    return np.frombuffer(b"".join(vectors), np.float32).reshape(len(vectors), -1)


def _blocks(
    passages: Iterable[tuple[int, str, bytes]],
) -> Iterator[list[tuple[int, str, bytes]]]:
    rest = iter(passages)
    while block := list(islice(rest, _BLOCK)):
        yield block
