"""A document with references inside it, as OpenAPI and AsyncAPI have: JSON pointers after `#`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Final
from urllib.parse import unquote

from events.errors import ErrorType, ToolError
from events.pointer import plain

_MAX_REFERENCES: Final = 32


@dataclass(frozen=True, slots=True)
class Referring:
    """A document with an object at its root; `KIND` is what people call such a document."""

    KIND: ClassVar[str] = ""
    root: dict[str, Any]

    def at(self, node: Any) -> dict[str, Any]:
        """Return an object of the document, or what it refers to; anything else is empty.

        ToolError (configuration): a reference leads nowhere, elsewhere or back to itself.
        """
        for _ in range(_MAX_REFERENCES):
            if not isinstance(node, dict):
                return {}
            if not isinstance(node.get("$ref"), str):
                return node
            node = self._target(node["$ref"])
        raise unusable(self.KIND, f"a reference in the {self.KIND} document leads back to itself")

    def _target(self, reference: str) -> Any:
        if not reference.startswith("#/"):
            reason = f"the reference '{reference}' leaves the {self.KIND} document; bundle it first"
            raise unusable(self.KIND, reason)
        node: Any = self.root
        for part in reference[2:].split("/"):
            name = plain(unquote(part))
            if not isinstance(node, dict) or name not in node:
                reason = f"the {self.KIND} document has nothing at '{reference}'"
                raise unusable(self.KIND, reason)
            node = node[name]
        return node


def unusable(kind: str, reason: str) -> ToolError:
    """Return the error that a document is which cannot be called."""
    return ToolError(reason, type=ErrorType.CONFIGURATION, title=f"Unusable {kind} document")
