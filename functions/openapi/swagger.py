"""Operations of OpenAPI 2.0, which was called Swagger; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from functions.host.web.request import FORM
from functions.openapi import schemas
from functions.openapi.description import unfit
from functions.openapi.parameters import Body, Parameter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from functions.openapi.description import Description, Operation

_COLLECTIONS: Final = {
    "csv": ("simple", False),
    "ssv": ("spaceDelimited", False),
    "tsv": ("tabDelimited", False),
    "pipes": ("pipeDelimited", False),
    "multi": ("form", True),
}
_PLACES: Final = {"path", "query", "header"}
_MULTIPART: Final = "multipart/form-data"


def server(description: Description, operation: Operation) -> str:
    """Return where the API is; what the document leaves out is as the document's own URI has it."""
    own = urlsplit(description.uri)
    schemes = operation.definition.get("schemes") or description.root.get("schemes") or ()
    usable = [each for each in schemes if each in {"http", "https"}]
    secure = own.scheme == "https" or not own.scheme
    preferred = "https" if secure else "http"
    scheme = preferred if not usable or preferred in usable else usable[0]
    host = description.root.get("host") or own.netloc
    if not host:
        raise unfit("the OpenAPI document has no 'host', and came without a URI")
    return f"{scheme}://{host}{description.root.get('basePath') or ''}"


def parameters(description: Description, operation: Operation) -> Iterator[Parameter]:
    """Yield the operation's parameters but those of its body."""
    for each in operation.parameters(description):
        if each.get("in") in _PLACES:
            style, explode = _COLLECTIONS.get(str(each.get("collectionFormat")), ("simple", False))
            yield Parameter(
                str(each.get("name")),
                str(each["in"]),
                required=bool(each.get("required")),
                style=style,
                explode=explode,
            )


def keys(description: Description) -> Iterator[Parameter]:
    """Yield the API keys that a flow may give as parameters."""
    for each in description.at(description.root.get("securityDefinitions")).values():
        scheme = description.at(each)
        if scheme.get("type") == "apiKey" and scheme.get("in") in {"query", "header"}:
            yield Parameter(str(scheme.get("name")), str(scheme["in"]), secret=True)


def body(description: Description, operation: Operation) -> Body | None:
    """Return the request body: the `body` parameter, or the form that `formData` ones make."""
    listed = operation.parameters(description)
    consumes = operation.definition.get("consumes") or description.root.get("consumes") or ()
    for each in listed:
        if each.get("in") == "body":
            return _whole(description, each, [str(media) for media in consumes])
    fields = {str(each.get("name")): each for each in listed if each.get("in") == "formData"}
    if not fields:
        return None
    files = any(each.get("type") == "file" for each in fields.values())
    media = _MULTIPART if files or list(consumes) == [_MULTIPART] else FORM
    required = any(each.get("required") for each in fields.values())
    return Body(media, properties=fields, open=False, required=required, name="")


def answers(description: Description, operation: Operation) -> list[Any]:
    """Return the media types that the operation produces."""
    return list(operation.definition.get("produces") or description.root.get("produces") or ())


def _whole(description: Description, parameter: dict[str, Any], consumes: list[str]) -> Body:
    json = [media for media in consumes if media.endswith("json")]
    schema = description.at(parameter.get("schema"))
    return Body(
        (json or consumes or ["application/json"])[0],
        schema,
        schemas.properties(description, schema),
        open=schemas.is_open(description, schema),
        required=bool(parameter.get("required")),
        name=str(parameter.get("name") or "body"),
    )
