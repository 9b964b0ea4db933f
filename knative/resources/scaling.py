"""The annotations that steer a service: Knative's autoscaling ones and Tendril's own.

Kubernetes wants every annotation to be a string, so the numbers stand in quotes.
Source: knative/serving `pkg/apis/autoscaling/register.go`.
"""

from __future__ import annotations

import re
import shlex
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from knative.resources.base import Labels, Part

AUTOSCALING: Final = "autoscaling.knative.dev/"
TENDRIL: Final = "tendril.dev/"
_GO_DURATION: Final = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|h|m|s))+")
_GO_UNIT: Final = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise PydanticCustomError(
            "annotation", 'an annotation is a string: write "{value}" in quotes', {"value": value}
        )
    return value


def _integer(value: object) -> int:
    text = _text(value)
    if not text.isdecimal():
        raise ValueError(f"expected a whole number in quotes, found {text!r}")
    return int(text)


def _number(value: object) -> float:
    text = _text(value)
    if not re.fullmatch(r"\d+(\.\d+)?", text):
        raise ValueError(f"expected a number in quotes, found {text!r}")
    return float(text)


def _seconds(value: object) -> float:
    text = _text(value)
    if text == "0":
        return 0.0
    if not _GO_DURATION.fullmatch(text):
        raise ValueError(f"expected a duration such as 60s or 1m30s, found {text!r}")
    parts = re.findall(r"([\d.]+)(ms|h|m|s)", text)
    return sum(float(number) * _GO_UNIT[unit] for number, unit in parts)


def _words(value: object) -> tuple[str, ...]:
    words = tuple(shlex.split(_text(value)))
    if not words:
        raise ValueError("expected words, found nothing")
    return words


Integer = Annotated[int, BeforeValidator(_integer)]
Number = Annotated[float, BeforeValidator(_number)]
Seconds = Annotated[float, BeforeValidator(_seconds)]
Words = Annotated[tuple[str, ...], BeforeValidator(_words, json_schema_input_type=str)]


def _key(name: str) -> Any:
    return Field(default=None, alias=AUTOSCALING + name)


class Annotations(Part):
    """Durations are seconds; None means that the annotation is absent."""

    class_: str | None = _key("class")
    metric: Literal["concurrency", "rps", "cpu", "memory"] | None = _key("metric")
    min_scale: Integer | None = _key("min-scale")
    max_scale: Integer | None = _key("max-scale")
    initial_scale: Integer | None = _key("initial-scale")
    activation_scale: Integer | None = _key("activation-scale")
    target: Number | None = _key("target")
    target_utilization: Number | None = _key("target-utilization-percentage")
    target_burst_capacity: Annotated[str, BeforeValidator(_text)] | None = _key(
        "target-burst-capacity"
    )
    scale_down_delay: Seconds | None = _key("scale-down-delay")
    retention: Seconds | None = _key("scale-to-zero-pod-retention-period")
    window: Seconds | None = _key("window")
    panic_window: Number | None = _key("panic-window-percentage")
    panic_threshold: Number | None = _key("panic-threshold-percentage")
    progress_deadline: Seconds | None = Field(
        default=None, alias="serving.knative.dev/progress-deadline"
    )
    command: Words | None = Field(default=None, alias=TENDRIL + "command")
    preload: Words | None = Field(default=None, alias=TENDRIL + "preload")
    other: Labels = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _set_others_apart(cls, value: Any) -> Any:
        """Let annotations of other owners pass; a misspelt one of ours is an error."""
        if not isinstance(value, dict):
            return value
        known = {field.alias for field in cls.model_fields.values()}
        ours = {k: v for k, v in value.items() if k in known or _claimed(k)}
        others = {k: v for k, v in value.items() if k not in ours}
        return {**ours, "other": others} if others else ours


def _claimed(key: str) -> bool:
    return key.startswith((AUTOSCALING, TENDRIL, "serving.knative.dev/")) or "/" not in key
