"""URIs in a flow: an expression, or a template whose `{names}` are properties of the input.

Source: serverlessworkflow/specification 1.0.3, `dsl-reference.md`, "URI Template"; RFC 6570,
section 3.2.2, simple string expansion.
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from events.flow.advance import template
from events.flow.expressions import ExpressionError, as_text, is_expression

if TYPE_CHECKING:
    from events.flow.advance.frames import Frame
    from events.flow.advance.work import Work

Json = Any

_NAMED: Final = re.compile(r"\{([^{}]*)\}")


def expanded(work: Work, frame: Frame, uri: str) -> str:
    """Return the URI; raise ExpressionError when a value in it is a list or an object."""
    if not is_expression(uri):
        return filled(uri, frame.input)
    result = template.resolved(work, frame, uri)
    if not isinstance(result, str):
        raise ExpressionError(f"expected a URI, got {as_text(result)}")
    return result


def filled(uri: str, data: Json) -> str:
    """Return a URI template with the properties of `data` in their places."""
    return _NAMED.sub(partial(_value, data), uri)


def _value(data: Json, name: re.Match[str]) -> str:
    value = data.get(name[1]) if isinstance(data, dict) else None
    if isinstance(value, list | dict):
        reason = f"'{{{name[1]}}}' in a URI must be a string, a number or a boolean"
        raise ExpressionError(f"{reason}, not {'a list' if isinstance(value, list) else 'a map'}")
    return "" if value is None else quote(as_text(value), safe="")
