"""JSON Schema: does a value fit, and if not, where and why.

Nothing is ever fetched: a `$ref` reaches only inside its own document.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any, Final

import jsonschema_rs

from events.errors import ErrorType, Problem, TendrilError, ToolError
from events.pointer import escaped

Json = Any

FORMAT: Final = "json"
DRAFTS: Final = {
    "draft-04": "http://json-schema.org/draft-04/schema#",
    "draft-06": "http://json-schema.org/draft-06/schema#",
    "draft-07": "http://json-schema.org/draft-07/schema#",
    "2019-09": "https://json-schema.org/draft/2019-09/schema",
    "2020-12": "https://json-schema.org/draft/2020-12/schema",
}
"""What `$schema` says of each version of the format, `json:2020-12`."""
_SHOWN: Final = 300
_BACKTRACKS: Final = 100_000
"""Steps a `pattern` may go back on one string before it counts as not matching."""


class ValidationFault(TendrilError):  # noqa: N818 - the DSL calls it so
    """A value that does not fit its schema: `path` is a JSON pointer into it."""

    def __init__(self, what: str, path: str, reason: str) -> None:
        where = f" at {path}" if path else ""
        detail = f"the {what} does not fit its schema{where}: {reason}"
        super().__init__(Problem(ErrorType.VALIDATION, 400, "Validation error", detail))
        self.path, self.reason = path, reason


def validate(schema: Json, value: Json, what: str = "value") -> None:
    """Raise ValidationFault unless the value fits the schema.

    A schema that is none itself, or refers outside, is a configuration error (ToolError).
    `what` names the value in the message. The draft is the schema's `$schema`, else 2020-12.
    """
    try:
        validator = _compiled(json.dumps(schema, sort_keys=True))
    except (ValueError, RecursionError) as error:
        reason = f"the schema of the {what} is no usable JSON Schema: {_why(error)}"
        raise ToolError(reason, type=ErrorType.CONFIGURATION) from error
    for misfit in validator.iter_errors(value):
        raise ValidationFault(what, _pointer(misfit), _short(misfit))


def drafted(schema: Json, form: str | None) -> Json:
    """Return a schema as one of the version that its `format` gives, if it does not say its own."""
    draft = DRAFTS.get((form or FORMAT).partition(":")[2])
    if draft is None or not isinstance(schema, dict):
        return schema
    return {"$schema": draft, **schema}


def flaw(schema: Json) -> str | None:
    """Return what keeps a document from being a usable JSON Schema, on one line; or None."""
    try:
        _compiled(json.dumps(schema, sort_keys=True))
    except (ValueError, RecursionError) as error:
        return _why(error)
    return None


@lru_cache(maxsize=256)
def _compiled(text: str) -> jsonschema_rs.Validator:
    options = jsonschema_rs.FancyRegexOptions(backtrack_limit=_BACKTRACKS)
    return jsonschema_rs.validator_for(json.loads(text), offline=True, pattern_options=options)


def _short(error: Exception) -> str:
    message = error.message if isinstance(error, jsonschema_rs.ValidationError) else str(error)
    return message if len(message) <= _SHOWN else message[: _SHOWN - 3] + "..."


def _why(error: Exception) -> str:
    reason = _short(error).partition("\n")[0]
    path = _pointer(error) if isinstance(error, jsonschema_rs.ValidationError) else ""
    return f"at {path}: {reason}" if path else reason


def _pointer(error: jsonschema_rs.ValidationError) -> str:
    return "".join(f"/{escaped(part)}" for part in error.instance_path)
