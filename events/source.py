"""YAML text as plain values that remember where they stood.

Read by the flow parser and by the manifest reader, so that every error about a file carries
file, line and column. Scalars resolve by YAML 1.2's core schema: `on`, `yes` and `no` are
strings, because the DSL has a property called `on`.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

Path = tuple[str | int, ...]
MAX_DEPTH: Final = 200
MAX_NODES: Final = 200_000
MAX_DIGITS: Final = 64


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """Where something stands: `line` and `column` count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class SourceError(ValueError):
    """A text that is not one well-formed document, and where it stops being one."""

    def __init__(self, position: Position, reason: str) -> None:
        super().__init__(f"{position}: {reason}")
        self.position = position
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Document:
    """One parsed document: its plain JSON value, and the position of every node by path."""

    file: str
    value: Any
    positions: dict[Path, Position] = field(repr=False)

    def at(self, path: Path) -> Position:
        """Return the position of the node at `path`, or of its nearest ancestor."""
        while path not in self.positions:
            path = path[:-1]
        return self.positions[path]


def read(text: str, file: str = "<text>") -> Document:
    """Read exactly one YAML (or JSON) document; raise SourceError where it is malformed."""
    documents = read_all(text, file)
    if len(documents) != 1:
        reason = f"expected one YAML document, found {len(documents)}"
        raise SourceError(Position(file, 1, 1), reason)
    return documents[0]


def read_all(text: str, file: str = "<text>") -> list[Document]:
    """Read a stream of YAML documents separated by `---`; empty ones are dropped."""
    try:
        nodes = list(yaml.compose_all(text, Loader=_Loader))
    except yaml.MarkedYAMLError as error:
        raise SourceError(_mark(file, error.problem_mark), error.problem or str(error)) from error
    except (yaml.YAMLError, RecursionError) as error:
        raise SourceError(Position(file, 1, 1), str(error)) from error
    return [_Builder(file).document(node) for node in nodes if not _empty(node)]


class _Loader(yaml.SafeLoader):
    """SafeLoader with the implicit tags of YAML 1.2's core schema and none of 1.1's."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012


_RESOLVERS: Final = (
    ("tag:yaml.org,2002:null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    ("tag:yaml.org,2002:bool", r"^(?:true|True|TRUE|false|False|FALSE)$", list("tTfF")),
    ("tag:yaml.org,2002:int", r"^(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)$", list("-+0123456789")),
    (
        "tag:yaml.org,2002:float",
        r"^(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?)$",
        list("-+.0123456789"),
    ),
)
for _tag, _pattern, _first in _RESOLVERS:
    _Loader.add_implicit_resolver(_tag, re.compile(_pattern), _first)


def _empty(node: yaml.Node | None) -> bool:
    return node is None or (
        isinstance(node, yaml.ScalarNode) and node.value == "" and node.style is None
    )


def _mark(file: str, mark: yaml.Mark | None) -> Position:
    return Position(file, mark.line + 1, mark.column + 1) if mark else Position(file, 1, 1)


class _Builder:
    """Turns composed nodes into values, noting positions; refuses what JSON cannot say."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.positions: dict[Path, Position] = {}

    def document(self, node: yaml.Node) -> Document:
        return Document(self.file, self._value(node, ()), self.positions)

    def _value(self, node: yaml.Node, path: Path) -> Any:
        position = _mark(self.file, node.start_mark)
        self.positions[path] = position
        if len(path) > MAX_DEPTH or len(self.positions) > MAX_NODES:
            raise SourceError(position, "the document is nested too deeply or is too large")
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self._value(child, (*path, i)) for i, child in enumerate(node.value)]
        assert isinstance(node, yaml.ScalarNode)
        return self._scalar(node, position)

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            position = _mark(self.file, key_node.start_mark)
            if not isinstance(key_node, yaml.ScalarNode):
                raise SourceError(position, "expected a plain key, found a collection")
            key = _characters(key_node.value, position)
            if key in result:
                raise SourceError(position, f"the key '{key}' stands here twice")
            result[key] = self._value(value_node, (*path, key))
            # an error about a property points at its name, not at the value's first line
            self.positions[(*path, key)] = position
        return result

    def _scalar(self, node: yaml.ScalarNode, position: Position) -> Any:
        kind, text = node.tag.rsplit(":", 1)[-1], node.value
        try:
            return self._resolved(kind, text, position)
        except ValueError as error:
            if isinstance(error, SourceError):
                raise
            reason = f"'{text[:MAX_DIGITS]}' is no {kind}"
            raise SourceError(position, reason) from None

    def _resolved(self, kind: str, text: str, position: Position) -> Any:
        if kind == "null":
            return None
        if kind == "bool":
            return text.lower() == "true"
        if kind == "int":
            return _integer(text, position)
        if kind == "float":
            number = float(text)
            if not math.isfinite(number):
                raise SourceError(position, f"the number {text} is out of range")
            return number
        if kind == "str":
            return _characters(text, position)
        raise SourceError(position, f"the YAML tag '{kind}' is not allowed here")


def _integer(text: str, position: Position) -> int:
    number = int(text, 0 if text[:2] in {"0o", "0x"} else 10) if len(text) <= MAX_DIGITS else None
    # 64 bits are what JSON readers agree on
    if number is None or not -(2**63) <= number < 2**64:
        raise SourceError(position, f"the number {text[:MAX_DIGITS]} is out of range")
    return number


def _characters(text: str, position: Position) -> str:
    """Join the surrogate pairs that JSON's escapes spell astral characters with."""
    try:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
    except UnicodeDecodeError:
        raise SourceError(position, "half of a surrogate pair is no character") from None
