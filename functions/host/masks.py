"""What a call must not let out: the secrets that it used."""

from __future__ import annotations

import json
from dataclasses import replace
from secrets import token_hex
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from events.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from functions.host.outcomes import Outcome

_SHORTEST: Final = 6
"""Characters; anything shorter occurs by chance, and no secret should be."""
_PUBLIC: Final = frozenset(
    {
        "audiences",
        "authentication",
        "authority",
        "encoding",
        "grant",
        "id",
        "issuers",
        "scopes",
        "type",
        "username",
    }
)
"""Properties of a secret that say who and where; an answer may well repeat them."""
_MASK: Final = "***"


class Masks:
    """Texts that are replaced wherever a call's outcome or its log has them.

    A callee may repeat what it was sent, in an answer or in an error; neither may be recorded so.
    """

    def __init__(self) -> None:
        self._texts: set[str] = set()

    def __bool__(self) -> bool:
        return bool(self._texts)

    def add(self, secret: Any) -> None:
        """Hide every text of a secret from now on, also as URLs, JSON and Python write it."""
        for text in _texts(secret):
            if len(text) >= _SHORTEST:
                self._texts |= {
                    text,
                    quote(text, safe=""),
                    json.dumps(text)[1:-1],
                    repr(text)[1:-1],
                }

    def differing(self, value: Any, other: Any) -> None:
        """Hide the texts of a value that were made from secrets.

        `other` is what it would be with other secrets (`decoy`); where the two are equal, nothing
        of a secret is in the value.
        """
        if isinstance(value, dict) and isinstance(other, dict) and value.keys() == other.keys():
            for name, inner in value.items():
                self.differing(inner, other[name])
        elif isinstance(value, list) and isinstance(other, list) and len(value) == len(other):
            for mine, its in zip(value, other, strict=True):
                self.differing(mine, its)
        elif value != other:
            for text in _texts(value, frozenset()):
                if self.hide(text) == text:  # else it has them as they are
                    self.add(text)

    def hide(self, text: str) -> str:
        """Return a text without the secrets in it, also where it was cut within one."""
        for secret in sorted(self._texts, key=len, reverse=True):
            text = text.replace(secret, _MASK)
            for length in range(len(secret) - 1, _SHORTEST - 1, -1):
                text = text.replace(f"{secret[:length]}...", f"{_MASK}...")
        return text

    def hidden(self, value: Any) -> Any:
        """Return a JSON value without the secrets in its texts."""
        if isinstance(value, str):
            return self.hide(value)
        if isinstance(value, dict):
            return {self.hide(name): self.hidden(inner) for name, inner in value.items()}
        return [self.hidden(inner) for inner in value] if isinstance(value, list) else value

    def outcome(self, outcome: Outcome) -> Outcome:
        """Return an outcome as it may be recorded."""
        if not self:
            return outcome
        told = outcome.problem.to_json() if outcome.problem else None
        problem = Problem.from_json(self.hidden(told)) if told else None
        return replace(outcome, output=self.hidden(outcome.output), problem=problem)


def decoy(secret: Any) -> Any:
    """Return a secret of the same form with other texts and numbers; what is public stays."""
    if isinstance(secret, dict):
        return {name: each if name in _PUBLIC else decoy(each) for name, each in secret.items()}
    if isinstance(secret, list):
        return [decoy(each) for each in secret]
    if isinstance(secret, str):
        return token_hex(len(secret))[: len(secret)]
    number = isinstance(secret, int | float) and not isinstance(secret, bool)
    return secret + 1 if number else secret


def _texts(value: Any, public: frozenset[str] = _PUBLIC) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, inner in value.items():
            if name not in public:
                yield from _texts(inner, public)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner, public)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield json.dumps(value)
