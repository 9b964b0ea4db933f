"""The models' errors in plain words: what was found, and what was expected instead."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from events.flow.finding import Finding, did_you_mean, in_order, near
from events.flow.place import Place, locate
from events.flow.syntax.base import TaskBase
from events.flow.syntax.node import KEYWORD, RULE, UNKNOWN
from events.flow.syntax.task import KEYWORDS, keywords_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydantic_core import ErrorDetails

    from events.source import Document, Path

_KINDS: Final = {
    "string_type": "a string",
    "dict_type": "an object",
    "model_type": "an object",
    "model_attributes_type": "an object",
    "tuple_type": "a list",
    "int_type": "a whole number",
    "bool_type": "true or false",
    "string_too_short": "a text that is not empty",
}
_COMPANIONS: Final = {"with": "call", "while": "for", "foreach": "listen", "catch": "try"}
_QUOTED: Final = re.compile(r"'([^']*)'")


def explain(
    errors: Iterable[ErrorDetails], document: Document, whole: str = "the flow"
) -> list[Finding]:
    """Return a finding for every error of the models, in the file's order.

    `whole` is what the document is called where an error concerns all of it.
    """
    placed = [(locate(error["loc"], document.value, whole), error) for error in errors]
    renamed = set(_misspelt(placed))
    words = [
        words_for(place, error)
        for place, error in placed
        if not (error["type"] == "missing" and place.path in renamed)
    ]
    return in_order(Finding(document.at(place.path), message) for place, message in words)


def _misspelt(placed: Iterable[tuple[Place, ErrorDetails]]) -> Iterable[Path]:
    """Yield the paths of the properties that unknown ones were probably meant to be."""
    for place, error in placed:
        if error["type"] == UNKNOWN:
            meant = near(str(place.path[-1]), error.get("ctx", {})["expected"])
            if meant:
                yield (*place.parent.path, meant)


def words_for(place: Place, error: ErrorDetails) -> tuple[Place, str]:
    """Return where an error of the models is best shown, and what to say about it."""
    kind, context = error["type"], error.get("ctx", {})
    if kind == KEYWORD:
        return _keyword(place, error["input"])
    if kind == UNKNOWN:
        return place, _unknown(place, context["expected"])
    if kind == "missing":
        return place, f"the property '{place.path[-1]}' is missing in {place.parent}"
    if kind == RULE:
        return place, f"{place}: {context.get('message', error['msg'])}"
    if place.path[-1:] == ("[key]",):
        return place.parent, f"{place.parent.parent}: a name must not be empty"
    return place, f"{place}: {_mismatch(place, error)}"


def _mismatch(place: Place, error: ErrorDetails) -> str:
    """Say what a value should have been, what it is, and what may have been meant."""
    kind, context, value = error["type"], error.get("ctx", {}), error["input"]
    entry = isinstance(place.path[-1], int) if place.path else False
    expected = _expected(kind, context, entry=entry)
    if expected is None:
        return f"{error['msg'][:1].lower()}{error['msg'][1:]}"
    choices = _QUOTED.findall(expected) if kind == "literal_error" else []
    hint = did_you_mean(value, choices) if isinstance(value, str) else ""
    return f"expected {expected}, found {_found(value, expected)}{hint}"


def _expected(kind: str, context: dict[str, Any], *, entry: bool) -> str | None:
    if entry and kind in {"too_short", "too_long", "dict_type"}:
        return "one name in each entry, such as '- greet: ...'"
    if kind == "literal_error":
        return f"one of {context['expected']}"
    if kind in {"greater_than_equal", "less_than_equal"}:
        return f"at least {context['ge']}" if "ge" in context else f"at most {context['le']}"
    if kind == "too_short":
        return "at least one entry"
    return _KINDS.get(kind)


def _found(value: Any, expected: str) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return f"an object with {_names(value)}" if value else "an empty object"
    if isinstance(value, list):
        return "a list" if value else "an empty list"
    if isinstance(value, str):
        return f"the string '{_short(value)}'"
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return f"{text}; put it in quotes" if expected == "a string" else text


def _names(value: dict[str, Any]) -> str:
    names = [f"'{_short(name)}'" for name in value]
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")  # noqa: PLR2004 - a few


def _short(text: str) -> str:
    limit = 60
    return text if len(text) <= limit else f"{text[:limit]}..."


def _unknown(place: Place, expected: list[str]) -> str:
    name = str(place.path[-1])
    known = [*expected, *KEYWORDS] if place.task and len(place.inside) == 1 else expected
    return (
        f"unknown property '{_short(name)}' {_in(place.parent)}; "
        f"expected one of {', '.join(expected)}{did_you_mean(name, known)}"
    )


def _in(place: Place) -> str:
    return f"in {place}" if place.inside else f"of {place}"


def _keyword(place: Place, value: Any) -> tuple[Place, str]:
    """Say which keyword a task lacks, or which two it has."""
    task = f"task '{place.path[-1]}'" if place.path else "the task"
    expected = f"expected one of {', '.join(KEYWORDS)}"
    if not isinstance(value, dict):
        return place, f"{task}: {expected}, found {_found(value, expected)}"
    given = keywords_of(value)
    if given:
        names = " and ".join(f"'{name}'" for name in given)
        second = Place((*place.path, given[1]))
        return second, f"{task} has the keywords {names}; a task has exactly one"
    known = {*TaskBase.properties(), *_COMPANIONS}
    unknown = [name for name in value if name not in known]
    likely = [name for name in unknown if near(name, KEYWORDS)] or unknown
    if likely:
        hint = did_you_mean(likely[0], KEYWORDS)
        what = f"unknown property '{_short(likely[0])}' of {task}; {expected}{hint}"
        return Place((*place.path, likely[0])), what
    for companion, keyword in _COMPANIONS.items():
        if companion in value:
            return place, f"{task} has '{companion}' but no '{keyword}'"
    return place, f"{task} does not say what to do; {expected}"
