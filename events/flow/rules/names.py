"""Names that refer to something under `use`: errors, timeouts, retries, authentications."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from events.flow.authentications import SCHEMES
from events.flow.finding import did_you_mean
from events.flow.imports import resources_of
from events.flow.place import Place, value_at
from events.flow.rules.visit import Visit, Words, tasks_of
from events.flow.syntax.call import BUILT_IN, CallTask
from events.flow.syntax.composite import TryTask
from events.flow.syntax.run import RunTask
from events.flow.syntax.simple import RaiseTask

if TYPE_CHECKING:
    from collections.abc import Iterator

    from events.flow.parse import Parsed


def undefined(parsed: Parsed) -> Iterator[Words]:
    """Yield every name that `use` does not define."""
    defined: dict[str, Any] = parsed.definition.get("use", {})
    for place, section, name in _references(parsed):
        known = list(defined.get(section, ()))
        if name not in known:
            hint = did_you_mean(name, known)
            yield place, f"{place}: '{name}' is not defined under 'use.{section}'{hint}"


def _references(parsed: Parsed) -> Iterator[tuple[Place, str, str]]:
    if isinstance(parsed.flow.timeout, str):
        yield Place(("timeout",)), "timeouts", parsed.flow.timeout
    for visit in tasks_of(parsed.flow):
        yield from _of_task(visit)
    for place in resources_of(parsed):
        yield from _authentications(value_at(parsed.definition, place.path), place)
    use = parsed.definition.get("use", {})
    yield from _authentications(use.get("catalogs", {}), Place(("use", "catalogs")))
    for name, policy in use.get("authentications", {}).items():
        yield from _secret(policy, Place(("use", "authentications", name)))


def _of_task(visit: Visit) -> Iterator[tuple[Place, str, str]]:
    task = visit.task
    if isinstance(task.timeout, str):
        yield visit.place("timeout"), "timeouts", task.timeout
    if isinstance(task, RaiseTask) and isinstance(task.raise_.error, str):
        yield visit.place("raise", "error"), "errors", task.raise_.error
    if isinstance(task, TryTask) and isinstance(task.catch.retry, str):
        yield visit.place("catch", "retry"), "retries", task.catch.retry
    if isinstance(task, CallTask) and task.call in BUILT_IN:
        yield from _authentications(task.with_, visit.place("with"))
    if isinstance(task, RunTask) and task.run.script and task.run.script.source:
        source = task.run.script.source.definition()
        yield from _authentications(source, visit.place("run", "script", "source"))


def _authentications(value: Any, place: Place) -> Iterator[tuple[Place, str, str]]:
    """Find the policies in what a built-in protocol or a catalog takes."""
    if not isinstance(value, dict):
        return
    for name, inner in value.items():
        below = Place((*place.path, name), place.task)
        if name == "authentication" and isinstance(inner, dict):
            if isinstance(inner.get("use"), str):
                yield Place((*below.path, "use"), below.task), "authentications", inner["use"]
            yield from _secret(inner, below)
        elif name not in {"body", "arguments", "foreach", "parameters", "message"}:
            yield from _authentications(inner, below)


def _secret(policy: dict[str, Any], place: Place) -> Iterator[tuple[Place, str, str]]:
    for scheme in SCHEMES:
        credentials = policy.get(scheme)
        if isinstance(credentials, dict) and isinstance(credentials.get("use"), str):
            where = Place((*place.path, scheme, "use"), place.task)
            yield where, "secrets", credentials["use"]
