"""A token request of OAuth2 and its answer; nothing is sent here.

Authlib writes the grant, the client's authentication and its signed assertion.

Where the specification leaves room: `subject` is the refresh token of the grant `refresh_token`;
token types may be given by the last part of their URNs; a token that does not say how long it
lives is used for five minutes; `issuers` are compared with the token's own `iss`, as a JWT.

Source: serverlessworkflow/specification 1.0.3, `dsl-reference.md`, "OAUTH2 Authentication"; RFC
6749; RFC 7523; RFC 8693.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs

import orjson

from events.errors import ErrorType, ToolError
from functions.host.web.policies import FORM, TOKEN_EXCHANGE
from functions.host.web.request import Request, sealed, target

if TYPE_CHECKING:
    from collections.abc import Iterator

    from functions.host.web.policies import OpenIdConnect, Token
    from functions.host.web.response import Response

_LIFE: Final = 300.0
_EARLY: Final = 30.0
"""Seconds before its end in which a token is used no longer: it has a way to go."""
_ASSERTION: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_TYPE: Final = "urn:ietf:params:oauth:token-type:"


@dataclass(frozen=True, slots=True)
class Issued:
    """A token that an authority gave."""

    access: str
    until: float
    """When it is used no longer, in seconds since the epoch."""
    refresh: str | None = None
    """The refresh token to use next time, where the authority gave one."""


def asked(policy: OpenIdConnect, uri: str, refresh: str | None = None) -> Request:
    """Return the request for a token at an endpoint; `refresh` is a newer refresh token."""
    # lazy: it takes 0.1 s, and few calls need it
    from authlib.common.urls import add_params_to_qs
    from authlib.oauth2.auth import ClientAuth
    from authlib.oauth2.rfc6749.parameters import prepare_token_request
    from authlib.oauth2.rfc7523 import ClientSecretJWT

    client, method = policy.client, policy.client.authentication
    body = prepare_token_request(policy.grant, scope=list(policy.scopes))
    body = add_params_to_qs(body, list(_fields(policy, refresh)))
    headers = {"Accept": "application/json", "Content-Type": FORM}
    if client.id is not None and method != "private_key_jwt":
        how = ClientSecretJWT() if method == "client_secret_jwt" else method
        written = ClientAuth(client.id, client.secret or "", how)
        uri, headers, body = written.prepare("POST", uri, headers, body)  # type: ignore[no-untyped-call]
    sent = sealed("POST", headers, "")
    content = body.encode()
    if policy.request.encoding != FORM:
        sent["Content-Type"] = policy.request.encoding
        fields = parse_qs(body, keep_blank_values=True)
        content = orjson.dumps({k: v if v[1:] else v[0] for k, v in fields.items()})
    return Request("POST", target(uri, ()), sent, content, harmless=True)


def issued(policy: OpenIdConnect, response: Response, now: float) -> Issued:
    """Return an answer's token; ToolError (authentication) for what is none, or another's."""
    try:
        answer = orjson.loads(response.body)
    except orjson.JSONDecodeError:
        answer = None
    if not isinstance(answer, dict) or not isinstance(answer.get("access_token"), str):
        raise unauthenticated(f"{policy.authority} answered without an 'access_token'")
    kind = str(answer.get("token_type") or "Bearer")
    if kind.lower() not in {"bearer", "n_a"}:
        raise unauthenticated(f"{policy.authority} answered with a token of the type '{kind}'")
    access, refresh = answer["access_token"], answer.get("refresh_token")
    if policy.issuers and (issuer := _issuer(access)) not in policy.issuers:
        names = ", ".join(policy.issuers)
        detail = f"a token of the issuer {issuer!r}; expected {names}"
        raise unauthenticated(f"{policy.authority} answered with {detail}")
    until = now + _life(answer.get("expires_in"))
    return Issued(access, until, refresh if isinstance(refresh, str) else None)


def unauthenticated(detail: str) -> ToolError:
    """Return the error of the DSL's type authentication."""
    return ToolError(detail, type=ErrorType.AUTHENTICATION, title="Authentication failed")


def _fields(policy: OpenIdConnect, refresh: str | None) -> Iterator[tuple[str, str]]:
    if policy.grant == "password":
        yield "username", policy.username or ""
        yield "password", policy.password or ""
    elif policy.grant == "refresh_token" and policy.subject:
        yield "refresh_token", refresh or policy.subject.token
    elif policy.grant == TOKEN_EXCHANGE:
        yield from _party("subject", policy.subject)
        yield from _party("actor", policy.actor)
    for audience in policy.audiences:
        yield "audience", audience
    if policy.client.authentication == "private_key_jwt":
        yield "client_id", policy.client.id or ""
        yield "client_assertion_type", _ASSERTION
        yield "client_assertion", policy.client.assertion or ""


def _party(name: str, token: Token | None) -> Iterator[tuple[str, str]]:
    if token:
        yield f"{name}_token", token.token
        yield f"{name}_token_type", token.type if ":" in token.type else _TYPE + token.type


def _life(seconds: Any) -> float:
    try:
        life = float(seconds)
    except (TypeError, ValueError):
        return _LIFE
    return max(life - _EARLY, life / 2)


def _issuer(token: str) -> Any:
    """Return the issuer that a token names, if it is a JWT; the channel vouches for it."""
    from joserfc.errors import JoseError
    from joserfc.jws import extract_compact

    try:
        claims = orjson.loads(extract_compact(token.encode()).payload)
    except (JoseError, ValueError):
        return None
    return claims.get("iss") if isinstance(claims, dict) else None
