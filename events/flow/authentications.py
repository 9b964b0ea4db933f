"""The authentication policies of a call, where they are given by name; pure.

Where the specification leaves room: the expressions of a policy under `use.authentications` are
evaluated in the place of the call that uses it.

Source: serverlessworkflow/specification 1.0.3, `dsl-reference.md`, "Authentication".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from events.flow.late import whole
from events.flow.syntax.call import AUTHENTICATIONS

if TYPE_CHECKING:
    from collections.abc import Mapping

Json = Any

SCHEMES: Final = ("basic", "bearer", "digest", "oauth2", "oidc")


def given(function: str, arguments: Json, policies: Mapping[str, Json]) -> Json:
    """Return a call's arguments with the policies themselves where they had the names.

    Credentials that are a secret's name become the expression that is the secret.

    Args:
        function: What is called; other than the DSL's own calls have no policies.
        arguments: The task's `with`, as written.
        policies: What `use.authentications` defines. A name that it lacks stays as it is.
    """
    for path in AUTHENTICATIONS.get(function, ()):
        arguments = _placed(arguments, path, policies)
    return arguments


def _placed(value: Json, path: tuple[str, ...], policies: Mapping[str, Json]) -> Json:
    if not path:
        return _policy(value, policies)
    if not isinstance(value, dict) or path[0] not in value:
        return value
    return value | {path[0]: _placed(value[path[0]], path[1:], policies)}


def named(value: Json, policies: Mapping[str, Json]) -> Json:
    """Return the policy itself where `value` has the name of one; else the value."""
    name = value.get("use") if isinstance(value, dict) else None
    return policies.get(name, value) if isinstance(name, str) else value


def _policy(value: Json, policies: Mapping[str, Json]) -> Json:
    found = named(value, policies)
    if not isinstance(found, dict):
        return found
    return {scheme: _credentials(scheme, given) for scheme, given in found.items()}


def _credentials(scheme: str, given: Json) -> Json:
    secret = given.get("use") if isinstance(given, dict) and scheme in SCHEMES else None
    return whole(secret) if isinstance(secret, str) else given
