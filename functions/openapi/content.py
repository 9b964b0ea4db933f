"""From the parameters that are no path's, query's or header's to the request body; pure."""

from __future__ import annotations

import base64
import binascii
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import aiohttp

from events.flow.finding import did_you_mean
from functions.host.web.request import FORM, text, wrong
from functions.openapi.schemas import is_binary

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from functions.openapi.parameters import Body

WHOLE = "body"
"""The parameter that is a whole body, whatever the document calls it."""


def value(body: Body, given: Mapping[str, Any], declared: Iterable[str]) -> Any:
    """Return the body's value, None without one; ToolError (validation) for what fits nowhere.

    `declared` are the operation's other parameters, for the hint at a name that is misspelt.
    """
    whole = body.name if body.name in given else WHOLE
    if whole in given and whole not in body.properties:
        _only(whole, given, declared)
        return given[whole]
    if given:
        if body.schema.get("type") not in {None, "object"}:
            raise wrong(f"the request body is no object; give it whole, as the parameter '{WHOLE}'")
        if not body.open:
            _known(given, body, declared)
        return dict(given)
    if body.required:
        names = ", ".join(body.properties)
        own = f"its properties ({names}) as parameters, or " if names else ""
        raise wrong(f"the operation needs a request body: give {own}'{WHOLE}', the whole of it")
    return None


def encoded(body: Body, content: Any) -> bytes | aiohttp.FormData:
    """Return a body's value in the body's media type."""
    media = body.media.partition(";")[0].strip().lower()
    if media == FORM and isinstance(content, dict):
        return urlencode(_fields(content)).encode()
    if media == "multipart/form-data" and isinstance(content, dict):
        return _multipart(body, content)
    if media == "application/json" or media.endswith("+json") or not isinstance(content, str):
        return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
    if media.startswith("text/") or media.endswith("xml"):
        return content.encode()
    return content.encode() if not is_binary(body.schema) else _bytes(WHOLE, content)


def _only(whole: str, given: Mapping[str, Any], declared: Iterable[str]) -> None:
    others = [name for name in given if name != whole]
    if others:
        hint = did_you_mean(others[0], list(declared))
        raise wrong(f"'{others[0]}' is no parameter; '{whole}' is the whole request body{hint}")


def _known(given: Mapping[str, Any], body: Body, declared: Iterable[str]) -> None:
    known = [*declared, *body.properties]
    for name in given:
        if name not in body.properties:
            hint = did_you_mean(name, known) or f"; it has {', '.join(known)}"
            raise wrong(f"the operation has no parameter '{name}'{hint}")


def _fields(content: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [
        (name, text(one))
        for name, each in content.items()
        for one in (each if isinstance(each, list) else [each])
        if one is not None
    ]


def _multipart(body: Body, content: Mapping[str, Any]) -> aiohttp.FormData:
    form = aiohttp.FormData(default_to_multipart=True)
    for name, each in content.items():
        schema = body.properties.get(name, {})
        if is_binary(schema):
            form.add_field(name, _bytes(name, each), filename=name)
        elif isinstance(each, dict):
            form.add_field(name, text(each), content_type="application/json")
        else:
            for _, one in _fields({name: each}):
                form.add_field(name, one)
    return form


def _bytes(name: str, content: Any) -> bytes:
    try:
        return base64.b64decode(content, validate=True)
    except (TypeError, ValueError, binascii.Error):
        raise wrong(f"'{name}' is binary: give it in base64") from None
