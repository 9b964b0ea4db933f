"""An OpenAPI document as it was read: its version, its operations, its references; pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final

from events.flow.finding import did_you_mean
from functions.host.web.references import Referring, unusable
from functions.host.web.structured import loaded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from events.errors import ToolError
    from functions.host.web.documents import Document

_METHODS: Final = ("get", "put", "post", "delete", "options", "head", "patch", "trace")


@dataclass(frozen=True, slots=True)
class Description(Referring):
    """An OpenAPI document."""

    KIND: ClassVar[str] = "OpenAPI"
    uri: str
    """Where it is from; empty when it came with the task's input."""

    @property
    def swagger(self) -> bool:
        """Whether it is of version 2.0, which had another shape and another name."""
        return "swagger" in self.root


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation, and the path item it stands in."""

    method: str
    path: str
    definition: dict[str, Any]
    item: dict[str, Any]

    def parameters(self, description: Description) -> list[dict[str, Any]]:
        """Return the definitions of its parameters; its own win over the path's."""
        listed = [*(self.item.get("parameters") or ()), *(self.definition.get("parameters") or ())]
        known = [description.at(each) for each in listed]
        found = {(str(each.get("name")), str(each.get("in"))): each for each in known}
        return list(found.values())


def read(document: Document) -> Description:
    """Read JSON or YAML; ToolError (configuration) for what is no OpenAPI document."""
    where = document.uri or "the document"
    root = _loaded(document.content, where)
    if not isinstance(root, dict):
        raise unfit(f"{where} is no OpenAPI document: it is no object")
    return checked(root, document.uri)


def checked(root: dict[str, Any], uri: str) -> Description:
    """Return a description of a version that can be called."""
    where = uri or "the document"
    version = str(root.get("openapi") or root.get("swagger") or "")
    if not version:
        raise unfit(f"{where} is no OpenAPI document: it has neither 'openapi' nor 'swagger'")
    if not version.startswith(("3.", "2.")):
        raise unfit(f"{where} is of OpenAPI {version}; 2.0, 3.0 and 3.1 can be called")
    return Description(root, uri)


def find(description: Description, operation_id: str) -> Operation:
    """Return the operation of an id; ToolError (configuration) names those that are near."""
    known = []
    for operation in _operations(description):
        name = operation.definition.get("operationId")
        if name == operation_id:
            return operation
        if isinstance(name, str):
            known.append(name)
    hint = did_you_mean(operation_id, known) or (
        f"; it has {', '.join(sorted(known)[:20])}" if known else "; it names none"
    )
    where = description.uri or "the document"
    raise unfit(f"{where} has no operation with the operationId '{operation_id}'{hint}")


def unfit(reason: str) -> ToolError:
    """Return the error that a document is which cannot be called."""
    return unusable(Description.KIND, reason)


def _operations(description: Description) -> Iterator[Operation]:
    for path, reference in description.at(description.root.get("paths")).items():
        if not str(path).startswith("/"):
            continue  # an extension
        item = description.at(reference)
        for method in _METHODS:
            if isinstance(item.get(method), dict):
                yield Operation(method.upper(), path, item[method], item)


def _loaded(content: bytes, where: str) -> Any:
    try:
        return loaded(content)
    except ValueError as error:
        raise unfit(f"{where} is neither JSON nor YAML: {error}") from None
