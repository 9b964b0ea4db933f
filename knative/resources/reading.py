"""Reading resources from YAML: typed, and every error with file, line and column."""

from __future__ import annotations

import difflib
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, get_args

from pydantic import ValidationError

from events.source import Document, Position, SourceError, read_all
from knative import filters
from knative.resources.base import Part, Resource
from knative.resources.eventing import AsGiven, Broker, Trigger
from knative.resources.serving import Service
from knative.resources.sources import PingSource, SinkBinding

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic_core import ErrorDetails

_STEP: Final = re.compile(r"[^.\[\]]+")
KINDS: Final[tuple[type[Resource], ...]] = (Service, Broker, Trigger, PingSource, SinkBinding)


class ResourceError(ValueError):
    """A manifest that is wrong; `findings` says where and why, one `(position, reason)` each."""

    def __init__(self, findings: Sequence[tuple[Position, str]]) -> None:
        super().__init__("\n".join(f"{position}: {reason}" for position, reason in findings))
        self.findings = tuple(findings)


def load(source: Path | str) -> list[Resource]:
    """Read the resources of a file (a Path) or of YAML text (a str).

    Raises ResourceError naming file, line and column of everything that is wrong.
    """
    if isinstance(source, Path):
        return _load(source.read_text(encoding="utf-8"), str(source))
    return _load(source, "<text>")


def _load(text: str, file: str) -> list[Resource]:
    try:
        documents = read_all(text, file)
    except SourceError as error:
        raise ResourceError([(error.position, error.reason)]) from error
    return [_resource(document) for document in documents]


def _resource(document: Document) -> Resource:
    model = _model(document)
    try:
        # JSON mode: strict about scalars, yet lists may become tuples
        resource = model.model_validate_json(json.dumps(document.value))
    except ValidationError as error:
        findings = [_finding(document, model, item) for item in _innermost(error.errors())]
        raise ResourceError(sorted(findings)) from error
    if isinstance(resource, Trigger):
        _check_filters(document, resource)
    resource._manifest.update(document.value)  # noqa: SLF001 - filled once, here
    return resource


def _model(document: Document) -> type[Resource]:
    value = document.value
    if not isinstance(value, dict):
        raise ResourceError([(document.at(()), "expected a resource with apiVersion and kind")])
    kind, version = value.get("kind"), value.get("apiVersion")
    for model in KINDS:
        if kind == model.__name__ and version == model.API_VERSION:
            return model
    names = ", ".join(f"{model.__name__} ({model.API_VERSION})" for model in KINDS)
    reason = f"unknown resource {kind} ({version}); supported are {names}"
    raise ResourceError([(document.at(("kind",)), reason)])


def _check_filters(document: Document, trigger: Trigger) -> None:
    try:
        filters.compile(trigger.spec.filter, trigger.spec.filters)
    except filters.FilterError as error:
        steps = [int(step) if step.isdecimal() else step for step in _STEP.findall(error.path)]
        reason = f"spec.{error.path}: {error.reason}"
        raise ResourceError([(document.at(("spec", *steps)), reason)]) from error


def _innermost(errors: list[ErrorDetails]) -> list[ErrorDetails]:
    """Drop an error about a whole that only says that one of its parts is wrong."""
    paths = [error["loc"] for error in errors]
    return [
        error
        for error in errors
        if not any(
            len(p) > len(error["loc"]) and p[: len(error["loc"])] == error["loc"] for p in paths
        )
    ]


def _finding(
    document: Document, model: type[Resource], error: ErrorDetails
) -> tuple[Position, str]:
    path = error["loc"]
    where = ".".join(str(step) for step in path)
    if error["type"] == "extra_forbidden":
        reason = f"unknown field '{path[-1]}'{_suggestion(model, path)}"
    elif error["type"] == "missing":
        reason = f"the field '{where}' is missing"
    else:
        reason = f"{where}: {error['msg'].removeprefix('Value error, ')}"
    return document.at(path), reason


def _suggestion(model: type[Part], path: tuple[str | int, ...]) -> str:
    known = _fields_at(model, path[:-1])
    near = difflib.get_close_matches(str(path[-1]), known, n=1)
    if near:
        return f"; did you mean '{near[0]}'?"
    return f"; known are {', '.join(known)}" if known else ""


def _fields_at(model: type[Part], path: tuple[str | int, ...]) -> list[str]:
    """Return the YAML names of the fields of the part that `path` leads to."""
    part: type[Part] | None = model
    for step in path:
        if isinstance(step, int) or part is None:
            continue
        fields = {field.alias: field.annotation for field in part.model_fields.values()}
        part = _part(fields.get(step))
    return [str(field.alias) for field in part.model_fields.values()] if part else []


def _part(annotation: Any) -> type[Part] | None:
    """Find the Part inside an annotation such as `tuple[Container, ...] | None`."""
    if isinstance(annotation, type) and issubclass(annotation, Part):
        return annotation
    if isinstance(annotation, AsGiven):
        return annotation.model
    return next((part for inner in get_args(annotation) if (part := _part(inner))), None)
