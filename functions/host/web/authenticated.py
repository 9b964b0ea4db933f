"""An HTTP client that authenticates as a policy says, behind the same egress policy."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

import aiohttp

from functions.host.egress import web_only
from functions.host.web.credentials import credentials
from functions.host.web.endpoint import endpoint
from functions.host.web.policies import fingerprint
from functions.host.web.request import target

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from yarl import URL

    from functions.host.web.credentials import Credentials, Surroundings
    from functions.host.web.documents import Document, Documents
    from functions.host.web.endpoint import Place
    from functions.host.web.limits import ExchangeLimits
    from functions.host.web.policies import Policy, UserPassword

_UNAUTHENTICATED: Final = 401


@asynccontextmanager
async def authenticated(
    context: Surroundings, policy: Policy | None, url: URL, limits: ExchangeLimits
) -> AsyncIterator[aiohttp.ClientSession]:
    """Give a client for calls of `url`: the task's own where there is no policy.

    Credentials go to the URL's own scheme, host and port, wherever a redirect leads. `limits`
    hold for each exchange with an authority too.
    """
    if policy is None:
        yield context.http
        return
    middleware: aiohttp.ClientMiddlewareType
    if policy.digest:
        middleware = _Digesting(policy.digest)
    else:
        middleware = _Presenting(url.origin(), await credentials(context, policy, limits))
    async with aiohttp.ClientSession(
        connector=context.http.connector,
        connector_owner=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        middlewares=(web_only, middleware),
        timeout=context.http.timeout,
    ) as http:
        yield http


async def fetched(
    context: Surroundings, documents: Documents, place: Place, limits: ExchangeLimits
) -> Document:
    """Return the document at an endpoint; what one policy was given is not for another."""
    where = endpoint(place)
    policy = where.authentication
    async with authenticated(context, policy, target(where.uri, ()), limits) as http:
        return await documents.fetch(http, where.uri, fingerprint(policy) if policy else "")


class _Presenting:
    """Presents credentials to one origin; a token that is refused is replaced once."""

    def __init__(self, origin: URL, presented: Credentials) -> None:
        self._origin, self._credentials = origin, presented

    async def __call__(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        if request.url.origin() != self._origin:
            return await handler(request)
        first = await self._credentials.authorization()
        request.headers["Authorization"] = first.header
        response = await handler(request)
        if response.status != _UNAUTHENTICATED or not self._credentials.renewable:
            return response
        response.release()
        second = await self._credentials.another(first)
        request.headers["Authorization"] = second.header
        return await handler(request)


class _Digesting:
    """Answers a digest challenge; aiohttp leaves the challenge's own response to the collector."""

    def __init__(self, user: UserPassword) -> None:
        self._digest = aiohttp.DigestAuthMiddleware(user.username, user.password)

    async def __call__(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        challenges: list[aiohttp.ClientResponse] = []

        async def releasing(request: aiohttp.ClientRequest) -> aiohttp.ClientResponse:
            for challenge in challenges:
                challenge.release()
            challenges.append(await handler(request))
            return challenges[-1]

        return await self._digest(request, releasing)
