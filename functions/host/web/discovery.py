"""Where an authority gives tokens: its policy says it, or its discovery document; pure.

Where the specification leaves room: the path of `endpoints.token` is appended to the authority,
an absolute URI replaces it; an authority that is itself a discovery document, as in an example
of the specification, is asked. The document is trusted as it came from the authority itself: that
its `issuer` is written as the authority is not asked for, since providers behind a proxy differ.

Source: OpenID Connect Discovery 1.0, section 4; RFC 8414.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import orjson

from events.errors import ErrorType, ToolError
from functions.host.web.policies import OAuth2

if TYPE_CHECKING:
    from functions.host.web.documents import Document
    from functions.host.web.policies import OpenIdConnect

_WELL_KNOWN: Final = "/.well-known/"
_OPENID: Final = "/.well-known/openid-configuration"
_PATH: Final = "/oauth2/token"


def document_of(policy: OpenIdConnect) -> str | None:
    """Return the URI of the document that says where tokens are; None where the policy does."""
    if isinstance(policy, OAuth2) and (policy.endpoints.token or not _is_document(policy)):
        return None
    return policy.authority if _is_document(policy) else policy.authority.rstrip("/") + _OPENID


def endpoint_in(document: Document) -> str:
    """Return a discovery document's token endpoint; ToolError (configuration) without one."""
    try:
        found = orjson.loads(document.content)["token_endpoint"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        found = None
    if not isinstance(found, str):
        detail = f"{document.uri} is no discovery document: it names no 'token_endpoint'"
        raise ToolError(detail, type=ErrorType.CONFIGURATION)
    return found


def endpoint_of(policy: OpenIdConnect) -> str:
    """Return the token endpoint of a policy that says where it is."""
    path = (policy.endpoints.token if isinstance(policy, OAuth2) else None) or _PATH
    authority = policy.authority.partition(_WELL_KNOWN)[0].rstrip("/")
    return path if "://" in path else f"{authority}/{path.lstrip('/')}"


def _is_document(policy: OpenIdConnect) -> bool:
    return _WELL_KNOWN in policy.authority
