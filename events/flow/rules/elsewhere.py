"""Addresses that are fetched when the flow is deployed: constants, that name what is meant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from events.flow.catalog import DEFAULT
from events.flow.expressions import is_expression
from events.flow.finding import did_you_mean
from events.flow.imports import NAMED, address, calls_elsewhere, policy_of, resources_of
from events.flow.place import Place

if TYPE_CHECKING:
    from collections.abc import Iterator

    from events.flow.parse import Parsed
    from events.flow.rules.visit import Words

Json = Any


def unfetchable(parsed: Parsed) -> Iterator[Words]:
    """Yield what the flow refers to elsewhere in a way by which nothing can be fetched."""
    catalogs = (parsed.flow.use and parsed.flow.use.catalogs) or {}
    endpoints = [Place(("use", "catalogs", name, "endpoint")) for name in catalogs]
    for place in [*endpoints, *resources_of(parsed)]:
        if reason := _variable(address(parsed, place)):
            yield place, f"{place}: {reason}"
        if reason := _unknown(policy_of(parsed, place)):
            where = Place((*place.path, "authentication"), place.task)
            yield where, f"{where}: {reason}"
    for place, call in calls_elsewhere(parsed):
        reason = _variable(call) if "://" in call else _misnamed(call, list(catalogs))
        if reason:
            yield place, f"{place}: {reason}"


def _variable(uri: str) -> str | None:
    """Return why a URI cannot be fetched before a run."""
    if "{" in uri:
        return "it is fetched when the flow is deployed; expected a URI without expressions"
    if not uri.startswith(("http://", "https://")):
        return f"'{uri}' is neither an http nor an https URI"
    return None


def _unknown(policy: Json) -> str | None:
    """Return why a policy cannot be followed before a run."""
    if isinstance(policy, list | dict):
        inside = policy.values() if isinstance(policy, dict) else policy
        return next((reason for value in inside if (reason := _unknown(value))), None)
    if is_expression(policy):
        return "it is used when the flow is deployed; expected no expressions"
    return None


def _misnamed(call: str, catalogs: list[str]) -> str | None:
    """Return why a call names no function of a catalog."""
    catalog = call.partition("@")[2]
    if catalog not in catalogs:
        known = [DEFAULT, *(name for name in catalogs if name != DEFAULT)]
        hint = did_you_mean(catalog, known)
        return f"there is no catalog '{catalog}'; expected one of {', '.join(known)}{hint}"
    if NAMED.fullmatch(call) is None:
        return f"'{call}' is no version of a function; expected name:1.0.0@{catalog}"
    return None
