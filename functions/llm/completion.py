"""The chat completions API: what is sent and how an answer is read; pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jsonschema_rs
import orjson

from events.errors import ErrorType, ToolError
from functions.llm.failures import Unavailable, Unusable
from functions.llm.prompt import messages

if TYPE_CHECKING:
    from functions.llm.models import In


Count = Callable[[int, int], None]
"""Is told the tokens of a question and of its answer."""


@dataclass(frozen=True, slots=True)
class Question:
    """A request to be sent to any provider."""

    members: dict[str, Any]
    """The API's members but the model."""
    shape: Any
    """A JSON schema validator, or None."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One provider's answer."""

    text: str
    value: Any
    """The text parsed, where a schema was asked for."""
    model: str
    finish_reason: str
    input_tokens: int
    output_tokens: int
    total_tokens: int


def question(request: In) -> Question:
    """Return what to send; ToolError (validation) for a wrong template or schema."""
    members: dict[str, Any] = {
        "messages": messages(request),
        "max_tokens": request.max_tokens,
        "temperature": request.temperature,
        "top_p": request.top_p,
        "seed": request.seed,
        "stop": request.stop or None,
    }
    if request.schema_ is not None:
        form = {"name": "answer", "schema": request.schema_}
        members["response_format"] = {"type": "json_schema", "json_schema": form}
    given = {name: value for name, value in members.items() if value is not None}
    return Question(given, _validator(request.schema_))


def read(body: bytes, asked: Question, count: Count) -> Answer:
    """Return the answer in a 200's body; `count` is told its tokens whatever it is worth.

    Unavailable when this is no chat completion, Unusable when it is not of the schema, and
    ToolError when it was cut short before it could be.
    """
    try:
        document = orjson.loads(body)
        choice = document["choices"][0]
        text, reason = choice["message"]["content"], str(choice.get("finish_reason") or "stop")
        usage = document.get("usage") or {}
        counts = [
            int(usage.get(f"{kind}_tokens") or 0) for kind in ("prompt", "completion", "total")
        ]
    except (ValueError, KeyError, IndexError, TypeError, AttributeError):
        raise Unavailable(f"no chat completion but {excerpt(body)!r}") from None
    count(counts[0], counts[1])
    if not isinstance(text, str):
        raise Unusable(f"no text but {excerpt(orjson.dumps(choice['message']))!r}")
    value = None if asked.shape is None else _parsed(text, reason, asked.shape)
    return Answer(text, value, str(document.get("model") or ""), reason, *counts)


def excerpt(body: bytes) -> str:
    """Return the beginning of what was received, on one line, for an error message."""
    text = " ".join(body[:1200].decode(errors="replace").split())
    return text if len(text) <= 300 else f"{text[:300]}..."  # noqa: PLR2004 - what one line takes


def complaint(body: bytes) -> str:
    """Return a provider's own error message, or the beginning of whatever it sent."""
    try:
        error = orjson.loads(body)["error"]
        return str(error["message"] if isinstance(error, dict) else error)[:1000]
    except (ValueError, KeyError, TypeError):
        return excerpt(body) or "without a message"


def _parsed(text: str, reason: str, shape: Any) -> Any:
    try:
        value = orjson.loads(text)
        shape.validate(value)
    except (orjson.JSONDecodeError, jsonschema_rs.ValidationError) as error:
        why = str(error).splitlines()[0]
        detail = f"not of the schema ({why}): {excerpt(text.encode())!r}"
        if reason == "length":
            raise ToolError(f"cut short by max_tokens, so {detail}") from None
        raise Unusable(detail) from None
    return value


def _validator(schema: dict[str, Any] | None) -> Any:
    if schema is None:
        return None
    try:
        return jsonschema_rs.validator_for(schema, offline=True)
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError) as error:
        why = str(error).splitlines()[0]
        raise ToolError(f"schema: {why}", type=ErrorType.VALIDATION) from None
