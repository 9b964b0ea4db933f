"""From an operation and its parameters to the request that is sent; pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from yarl import URL

from events.flow.finding import did_you_mean
from functions.host.web.request import Request, sealed, target, wrong
from functions.openapi import content
from functions.openapi.parameters import in_cookie, in_header, in_path, in_query

if TYPE_CHECKING:
    from collections.abc import Mapping

    from functions.openapi.parameters import Parameter
    from functions.openapi.plan import Plan

_NAMED: Final = re.compile(r"\{([^{}]+)\}")


def prepare(plan: Plan, given: Mapping[str, Any], idempotency_key: str) -> Request:
    """Return the request to send; ToolError (validation) names what is missing or unknown.

    A parameter that is null is one that was not given.
    """
    present = {name: value for name, value in given.items() if value is not None}
    _complete(plan, present)
    declared = [each.name for each in plan.parameters]
    rest = {name: value for name, value in given.items() if name not in declared}
    headers = {"Accept": plan.accept} if plan.accept else {}
    headers |= _headers(plan, present)
    body = None
    if plan.body:
        value = content.value(plan.body, rest, declared)
        if value is not None:
            body = content.encoded(plan.body, value)
            if isinstance(body, bytes):
                headers["Content-Type"] = plan.body.media
    elif rest:
        raise _unknown(next(iter(rest)), declared)
    return Request(
        plan.operation.method,
        _url(plan, present),
        sealed(plan.operation.method, headers, idempotency_key),
        body,
        frozenset(each.name.lower() for each in plan.parameters if each.secret),
    )


def _complete(plan: Plan, present: Mapping[str, Any]) -> None:
    missing = [e for e in plan.parameters if e.required and e.name not in present]
    if missing:
        names = ", ".join(f"'{each.name}' ({each.where})" for each in missing)
        raise wrong(f"{_name(plan)} needs the parameter{'s'[: len(missing) > 1]} {names}")


def _headers(plan: Plan, present: Mapping[str, Any]) -> dict[str, str]:
    headers = {
        each.name: in_header(each, present[each.name])
        for each in plan.parameters
        if each.where == "header" and each.name in present
    }
    cookies = [
        pair
        for each in plan.parameters
        if each.where == "cookie" and each.name in present
        for pair in in_cookie(each, present[each.name])
    ]
    return headers | ({"Cookie": "; ".join(cookies)} if cookies else {})


def _url(plan: Plan, present: Mapping[str, Any]) -> URL:
    paths = {each.name: each for each in plan.parameters if each.where == "path"}
    path = _NAMED.sub(
        lambda name: _segment(plan, paths.get(name[1]), name[1], present), plan.operation.path
    )
    pairs = [
        pair
        for each in plan.parameters
        if each.where == "query" and each.name in present
        for pair in in_query(each, present[each.name])
    ]
    server = str(target(plan.server, ()))
    query = f"{'&' if '?' in path else '?'}{'&'.join(pairs)}" if pairs else ""
    return URL(f"{server.rstrip('/')}{path}{query}", encoded=True)


def _segment(plan: Plan, parameter: Parameter | None, name: str, present: Mapping[str, Any]) -> str:
    if parameter is None:
        raise wrong(f"the document describes no parameter '{name}' of {_name(plan)}")
    written = in_path(parameter, present[name])
    if written in {"", ".", ".."}:
        raise wrong(f"the parameter '{name}' cannot be {written!r} in a path")
    return written


def _name(plan: Plan) -> str:
    return f"{plan.operation.method} {plan.operation.path}"


def _unknown(name: str, declared: list[str]) -> Exception:
    has = f"; it has {', '.join(declared)}" if declared else "; it has none"
    return wrong(f"the operation has no parameter '{name}'{did_you_mean(name, declared) or has}")
