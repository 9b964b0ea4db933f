"""Search: what a request asks of an index, and the results it gets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from functions.text_collection.models import Position, Result
from functions.text_collection.ranking import Near, Question, fuse, means, nearest
from functions.text_collection.scripts import script
from functions.text_collection.terms import match

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from functions.text_collection.embedding import Vector
    from functions.text_collection.index import Hit, Index
    from functions.text_collection.models import Search

DEPTH: Final = 100
"""Passages of each ranking that are fused, at least."""


@dataclass(frozen=True, slots=True)
class Query:
    """A question's unit vector, and who made it."""

    embedder: str
    vector: Vector


def search(index: Index, request: Search, query: Query | None) -> list[Result]:
    """Return the passages that answer the request best.

    Without `query` meaning is left out (mode keyword).
    """
    with index.snapshot():
        keys = index.documents(matcher(request.filter)) if request.filter else None
        depth = max(DEPTH, request.limit)
        near = _near(index, request.query, query, keys, depth) if query else []
        expression = match(request.query) if request.mode != "vector" else None
        worded = dict(index.matching(expression, keys, depth)) if expression else {}
        scores = _scores(request, near, worded)
        hits = index.hits(list(scores)[: request.limit])
    similarity = {passage.key: passage.similarity for passage in near}
    return [
        _result(hit, scores[hit.key], similarity.get(hit.key), worded.get(hit.key)) for hit in hits
    ]


def matcher(wanted: Mapping[str, Any]) -> Callable[[Mapping[str, Any]], bool]:
    """Return whether metadata has every wanted value, or one of each wanted list.

    As in JSON: true is not 1, and 1 is 1.0. An absent value is null.
    """
    asked = {
        name: {_typed(item) for item in (value if isinstance(value, list) else [value])}
        for name, value in wanted.items()
    }
    return lambda metadata: all(_typed(metadata.get(n)) in values for n, values in asked.items())


def _typed(value: Any) -> tuple[bool, Any]:
    return isinstance(value, bool), value


def _near(
    index: Index, asked: str, query: Query, keys: Sequence[int] | None, depth: int
) -> list[Near]:
    written, embedder = script(asked), query.embedder
    question = Question(query.vector, written, means(index.samples(embedder), written))
    return nearest(index.nearby(embedder, keys), question, depth)


def _scores(request: Search, near: list[Near], worded: Mapping[int, float]) -> dict[int, float]:
    match request.mode:
        case "vector":
            return {passage.key: passage.closeness for passage in near}
        case "keyword":
            return dict(worded)
        case "hybrid":
            foreign = {passage.key for passage in near if passage.foreign}
            return fuse([passage.key for passage in near], list(worded), foreign)


def _result(hit: Hit, score: float, similarity: float | None, keyword: float | None) -> Result:
    place = Position(start=hit.start, end=hit.end, page=hit.page, headings=list(hit.headings))
    return Result(
        document=hit.entry.id,
        title=hit.entry.title,
        source=hit.entry.source,
        text=hit.text,
        score=round(score, 6),
        similarity=None if similarity is None else round(similarity, 6),
        keyword=None if keyword is None else round(keyword, 6),
        position=place,
        metadata=hit.entry.metadata,
    )
