"""The DSL's durations in a tool's input, as seconds."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import Annotated, Any

import isodate
from pydantic import BeforeValidator


def seconds(value: Any) -> Any:
    """Return the seconds of the DSL's duration: an object of parts, or ISO 8601."""
    if isinstance(value, dict):
        try:
            return timedelta(**value).total_seconds()
        except (TypeError, OverflowError) as error:
            raise ValueError(f"no duration: {error}") from None
    if isinstance(value, str):
        with suppress(isodate.ISO8601Error, OverflowError):
            parsed = isodate.parse_duration(value)
            if isinstance(parsed, timedelta):
                return parsed.total_seconds()
        raise ValueError("expected a duration such as PT30S, without months and years")
    return value


Seconds = Annotated[
    float, BeforeValidator(seconds, json_schema_input_type=str | dict[str, int] | float)
]
