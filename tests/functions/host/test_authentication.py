"""Authentication of calls against a real authority: every scheme, grant and client's method."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError
from yarl import URL

from events.errors import ErrorType, RetryableError, ToolError
from functions.host.egress import EgressPolicy, EgressRefused, session
from functions.host.web.authenticated import authenticated, fetched
from functions.host.web.documents import Documents
from functions.host.web.endpoint import Endpoint
from functions.host.web.limits import ExchangeLimits
from functions.host.web.oauth2 import asked
from functions.host.web.policies import Policy
from functions.host.web.request import Request, sealed
from functions.host.web.response import content
from functions.host.web.sending import send
from tests.support.authority import EXCHANGE, PASSWORD, SECRET, USER, Authority, authority
from tests.support.ports import free_port
from tests.support.surroundings import surroundings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from functions.host.context import Context

LIMITS = ExchangeLimits(10, 100_000, "TENDRIL_X_TIMEOUT", "TENDRIL_X_MAX_BYTES")


@pytest.fixture
def server() -> Iterator[Authority]:
    """A running authority."""
    with authority() as made:
        yield made


@pytest.fixture
async def context(tmp_path: Path) -> AsyncIterator[Context]:
    """A task's surroundings, with loopback allowed."""
    async with surroundings(tmp_path) as given:
        yield given


async def call(context: Context, policy: Any, url: str, body: bytes | None = None) -> Any:
    """Call a URL as a policy says and return the answer's content."""
    parsed = Policy.model_validate(policy) if policy else None
    method = "POST" if body else "GET"
    request = Request(method, URL(url), sealed(method, {}, "key"), body)
    async with authenticated(context, parsed, request.url, LIMITS) as http:
        return content(await send(http, request, LIMITS))


def oauth2(server: Authority, **members: Any) -> dict[str, Any]:
    """Return a policy of a client that authenticates as it likes."""
    client = {"id": "client_secret_post", "secret": SECRET}
    grant = {"authority": server.url, "grant": "client_credentials", "client": client}
    return {"oauth2": grant | members}


@pytest.mark.parametrize("scheme", ["basic", "digest"])
async def test_users_and_passwords(context: Context, server: Authority, scheme: str) -> None:
    """The server's own library takes them, of any characters, with a body too."""
    right = {scheme: {"username": USER, "password": PASSWORD, "more": "ignored"}}
    url = f"{server.url}/for/{scheme}"
    assert (await call(context, right, url))["user"] == USER
    assert (await call(context, right, url, b"sent"))["user"] == USER
    with pytest.raises(ToolError, match="answered 401") as refused:
        await call(context, {scheme: {"username": USER, "password": "x"}}, url)
    assert refused.value.problem.status == 401


async def test_bearer_tokens(context: Context, server: Authority) -> None:
    """A token goes along as it is; a secret's text is a token."""
    made = server.token(type("Client", (), {"client_id": "c"}))
    for bearer in ({"token": made}, made):
        assert (await call(context, {"bearer": bearer}, f"{server.url}/for/token"))["sub"] == "c"


@pytest.mark.parametrize(
    "method", ["client_secret_basic", "client_secret_post", "client_secret_jwt", "none"]
)
async def test_clients_authenticate_in_every_way(
    context: Context, server: Authority, method: str
) -> None:
    """The authority's library takes the client, and the resource takes the token."""
    name = "client_assertion_jwt" if method == "client_secret_jwt" else method
    client = {"id": name, "secret": SECRET, "authentication": method}
    policy = oauth2(server, client=client, scopes=["read", "write"], audiences=["a", "b"])
    claims = await call(context, policy, f"{server.url}/for/token")
    assert (claims["sub"], claims["scope"]) == (name, "read write")
    assert server.seen[0]["audience"] == "a"
    assert ("client_secret" in server.seen[0]) is (method == "client_secret_post")


async def test_a_client_may_bring_its_assertion(context: Context, server: Authority) -> None:
    """private_key_jwt sends the assertion that the policy has, which the authority verifies."""
    from authlib.oauth2.rfc7523 import client_secret_jwt_sign
    from joserfc.jwk import OctKey

    key, name = OctKey.import_key(SECRET), "client_assertion_jwt"
    assertion = client_secret_jwt_sign(key, name, f"{server.url}/oauth2/token")
    client = {"id": name, "assertion": assertion, "authentication": "private_key_jwt"}
    claims = await call(context, oauth2(server, client=client), f"{server.url}/for/token")
    assert claims["sub"] == name


@pytest.mark.parametrize(
    "grant",
    [
        {"grant": "password", "username": USER, "password": PASSWORD},
        {"grant": "refresh_token", "subject": {"token": "refresh-0", "type": "refresh_token"}},
        {
            "grant": EXCHANGE,
            "subject": {"token": "subject", "type": "access_token"},
            "actor": {"token": "actor", "type": "urn:ietf:params:oauth:token-type:jwt"},
        },
    ],
    ids=lambda grant: grant["grant"][-14:],
)
async def test_grants(context: Context, server: Authority, grant: dict[str, Any]) -> None:
    """Each grant gets its token, and a wrong one is an error of type authentication."""
    assert await call(context, oauth2(server, **grant), f"{server.url}/for/token")
    if grant["grant"] == EXCHANGE:
        assert server.seen[0]["subject_token_type"].endswith(":access_token")
        assert server.seen[0]["actor_token_type"] == "urn:ietf:params:oauth:token-type:jwt"
    wrong = grant | ({"password": "x"} if "password" in grant else {})
    wrong |= {"subject": {"token": "x", "type": "t"}} if "subject" in grant else {}
    with pytest.raises(ToolError, match="gave no token") as refused:
        await call(context, oauth2(server, **wrong), f"{server.url}/for/token")
    assert refused.value.problem.type == ErrorType.AUTHENTICATION
    assert refused.value.problem.status == 401


async def test_a_newer_refresh_token_is_used(context: Context, server: Authority) -> None:
    """An authority that takes each refresh token once gets the one that it gave last."""
    subject = {"token": "refresh-0", "type": "refresh_token"}
    policy = oauth2(server, grant="refresh_token", subject=subject)
    server.lifetime = 0
    for _ in range(3):
        assert await call(context, policy, f"{server.url}/for/token")
    sent = [each["refresh_token"] for each in server.seen]
    assert sent == ["refresh-0", "refresh-1", "refresh-2"]


async def test_oidc_discovers_the_endpoint(context: Context, server: Authority) -> None:
    """The discovery document says where; the authority may be its URI, in oauth2 too."""
    realm = f"{server.url}/realms/one"
    document = f"{realm}/.well-known/openid-configuration"
    client = {"id": "client_secret_post", "secret": SECRET}
    for scheme, uri in (("oidc", realm), ("oidc", document), ("oauth2", document)):
        rest = {"grant": "client_credentials", "client": client, "scopes": [uri, scheme]}
        policy = {scheme: {"authority": uri, **rest}}
        assert await call(context, policy, f"{server.url}/for/token")
    assert [each["realm"] for each in server.seen] == ["one"] * 3
    with pytest.raises(ToolError, match="answered 404"):
        await call(context, {"oidc": {"authority": server.url, **rest}}, f"{server.url}/for/token")


async def test_a_token_is_kept_until_it_ends(context: Context, server: Authority) -> None:
    """Many calls share one token; another secret is another policy; an old token is replaced."""
    url = f"{server.url}/for/token"
    await asyncio.gather(*(call(context, oauth2(server), url) for _ in range(8)))
    assert len(server.seen) == 1
    await call(context, oauth2(server, scopes=["more"]), url)
    assert len(server.seen) == 2
    server.lifetime = 0
    for _ in range(2):
        await call(context, oauth2(server, scopes=["short"]), url)
    assert len(server.seen) == 4


async def test_a_refused_token_is_replaced_once(context: Context, server: Authority) -> None:
    """A 401 gets one fresh token; a resource that takes none is asked no third time."""
    url = f"{server.url}/for/token"
    await call(context, oauth2(server), url)
    server.live.clear()
    assert await call(context, oauth2(server), url, b"sent again")
    assert len(server.seen) == 2
    server.read.clear()
    with pytest.raises(ToolError, match="answered 401"):
        await call(context, {"bearer": "unknown"}, url)
    assert len(server.read) == 1


async def test_issuers_are_compared(context: Context, server: Authority) -> None:
    """A token of an issuer that the policy does not name is not used."""
    url = f"{server.url}/for/token"
    assert await call(context, oauth2(server, issuers=[server.url]), url)
    with pytest.raises(ToolError, match="expected https://other") as refused:
        await call(context, oauth2(server, issuers=["https://other"]), url)
    assert refused.value.problem.type == ErrorType.AUTHENTICATION


async def test_a_request_may_be_json(server: Authority) -> None:
    """The encoding is the policy's: lists are lists, and the media type says it."""
    encoding = {"encoding": "application/json"}
    policy = Policy.model_validate(oauth2(server, request=encoding, audiences=["a", "b"])).oauth2
    assert policy
    request = asked(policy, f"{server.url}/oauth2/token")
    assert request.headers["Content-Type"] == "application/json"
    assert isinstance(request.body, bytes)
    assert b'"audience":["a","b"]' in request.body
    assert b'"grant_type":"client_credentials"' in request.body


async def test_credentials_stay_with_their_origin(context: Context, server: Authority) -> None:
    """A redirect to another host or port gets none; what one policy read is not another's."""
    documents = Documents(LIMITS, 60)
    with authority() as other:
        to = f"{server.url}/for/away?to={other.url}/for/echo"
        policy = Policy.model_validate({"bearer": "token-of-the-first"})
        endpoint = Endpoint(uri=to, authentication=policy)
        document = await fetched(context, documents, endpoint, LIMITS)
        assert document.content.strip() == b'{"authorization":null}'
        assert server.read == ["Bearer token-of-the-first"]
        await fetched(context, documents, endpoint, LIMITS)
        await fetched(context, documents, to, LIMITS)
    assert server.read == ["Bearer token-of-the-first", ""]


async def test_the_egress_policy_holds_for_authorities(context: Context, server: Authority) -> None:
    """A token endpoint at a private address is refused, where the resource's own is allowed."""
    policy = oauth2(server, authority=server.url.replace("127.0.0.1", "localhost"))
    only = EgressPolicy(trusted=frozenset({("127.0.0.1", URL(server.url).port or 0)}))
    async with session(only) as http:
        near = replace(context, http=http)
        assert await call(near, None, f"{server.url}/for/echo")
        with pytest.raises(EgressRefused):
            await call(near, policy, f"{server.url}/for/token")
    assert not server.seen


async def test_an_authority_that_is_away_is_asked_again(context: Context) -> None:
    """What keeps it from answering is retryable."""
    away = Authority(url=f"http://127.0.0.1:{free_port()}")
    with pytest.raises(RetryableError):
        await call(context, oauth2(away), "http://127.0.0.1:1/")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"grant": "authorization_code"}, "grant"),
        ({"grant": "password"}, "needs 'username' and 'password'"),
        ({"grant": "refresh_token"}, "needs 'subject'"),
        ({"client": {"secret": "s"}}, "needs the client's 'id'"),
        ({"client": {"id": "i", "authentication": "private_key_jwt"}}, "'assertion'"),
        ({"client": {"id": "i", "authentication": "client_secret_jwt"}}, "'secret'"),
    ],
)
def test_a_policy_is_complete(change: dict[str, Any], reason: str) -> None:
    """What a grant or a method needs is asked for, without showing what was given."""
    given = oauth2(Authority(url="https://a.test"), **change)
    with pytest.raises(ValidationError, match=reason):
        Policy.model_validate(given)
