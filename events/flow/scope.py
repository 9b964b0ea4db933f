"""The variables that a jq program takes from outside: those it does not bind itself."""

from __future__ import annotations

import re
from typing import Final

from events.flow.expressions import variables

_TOKEN: Final = re.compile(r'"|\\\(|\\.|\(|\)|#[^\n]*|[^"\\()#]+|.', re.DOTALL)
_PATTERN: Final = re.compile(r"\bas\b((?:\s|[\[\]{}:,]|\$?\w+|\?//|\"\")*)")
_PARAMETERS: Final = re.compile(r"\bdef\s+[\w:]+\s*\(([^)]*)\)")


def free_variables(program: str) -> frozenset[str]:
    """Return the names that the program needs bound; those it binds anywhere count as its own."""
    code = _without_texts(program)
    bound = [*_PATTERN.findall(code), *_PARAMETERS.findall(code)]
    return variables(code).difference(*map(variables, bound))


def _without_texts(program: str) -> str:
    r"""Return the program with its strings and comments emptied, their `\( ... )` kept."""
    kept: list[str] = []
    inside = [False]  # per open parenthesis or string: are we in a string?
    for piece in _TOKEN.findall(program):
        if inside[-1]:
            if piece == '"':
                inside.pop()
            elif piece == "\\(":
                inside.append(False)
                kept.append("(")
                continue
            else:
                continue
        elif piece == '"':
            inside.append(True)
        elif piece == "(":
            inside.append(False)
        elif piece == ")" and len(inside) > 1:
            inside.pop()
        elif piece.startswith("#"):
            continue
        kept.append(piece)
    return "".join(kept)
