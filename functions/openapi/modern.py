"""Operations of OpenAPI 3.0 and 3.1; pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urljoin

from functions.host.web.request import FORM
from functions.openapi import schemas
from functions.openapi.description import unfit
from functions.openapi.parameters import Body, Parameter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from functions.openapi.description import Description, Operation

_STYLES: Final = {"path": "simple", "query": "form", "header": "simple", "cookie": "form"}
_IGNORED: Final = {"accept", "content-type", "authorization"}
"""Headers that the specification takes from elsewhere."""
_PREFERRED: Final = ("application/json", "+json", FORM, "multipart/form-data", "text/plain")
_VARIABLE: Final = re.compile(r"\{([^{}]+)\}")


def server(description: Description, operation: Operation) -> str:
    """Return the first server that the operation, its path or the document names."""
    for owner in (operation.definition, operation.item, description.root):
        listed = owner.get("servers")
        if isinstance(listed, list) and listed:
            return _absolute(description, description.at(listed[0]))
    return _absolute(description, {"url": "/"})


def parameters(description: Description, operation: Operation) -> Iterator[Parameter]:
    """Yield the operation's parameters."""
    for each in operation.parameters(description):
        name, where = str(each.get("name")), str(each.get("in"))
        if where not in _STYLES or (where == "header" and name.lower() in _IGNORED):
            continue
        style = str(each.get("style") or _STYLES[where])
        yield Parameter(
            name,
            where,
            required=bool(each.get("required")) or where == "path",
            style=style,
            explode=bool(each.get("explode", style == "form")),
            reserved=bool(each.get("allowReserved")),
            json="content" in each,
        )


def keys(description: Description) -> Iterator[Parameter]:
    """Yield the API keys that a flow may give as parameters."""
    components = description.at(description.root.get("components"))
    for each in description.at(components.get("securitySchemes")).values():
        scheme = description.at(each)
        if scheme.get("type") == "apiKey" and scheme.get("in") in {"query", "header", "cookie"}:
            yield Parameter(str(scheme.get("name")), str(scheme["in"]), secret=True)


def body(description: Description, operation: Operation) -> Body | None:
    """Return the request body in the media type that JSON values fit best."""
    found = description.at(operation.definition.get("requestBody"))
    contents = description.at(found.get("content"))
    if not contents:
        return None
    media = min(contents, key=lambda each: _preference(str(each)))
    schema = description.at(description.at(contents[media]).get("schema"))
    return Body(
        str(media),
        schema,
        schemas.properties(description, schema),
        open=schemas.is_open(description, schema),
        required=bool(found.get("required")),
    )


def answers(description: Description, operation: Operation) -> list[Any]:
    """Return the media types of the operation's responses."""
    responses = description.at(operation.definition.get("responses")).values()
    return [m for each in responses for m in description.at(description.at(each).get("content"))]


def _absolute(description: Description, server: dict[str, Any]) -> str:
    variables = description.at(server.get("variables"))

    def filled(name: re.Match[str]) -> str:
        default = description.at(variables.get(name[1])).get("default")
        if default is None:
            raise unfit(f"the server variable '{name[1]}' of the OpenAPI document has no default")
        return str(default)

    url = urljoin(description.uri, _VARIABLE.sub(filled, str(server.get("url") or "/")))
    if "://" not in url:
        raise unfit(f"the server '{url}' is relative, and the document came without a URI")
    return url


def _preference(media: str) -> int:
    name = media.partition(";")[0].strip().lower()
    ranks = [rank for rank, kind in enumerate(_PREFERRED) if name == kind or name.endswith(kind)]
    return min(ranks, default=len(_PREFERRED))
