"""What a policy presents to a callee: the `Authorization` of a request."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from functions.host.web.tokens import Tokens

if TYPE_CHECKING:
    import aiohttp

    from functions.host.context import Resources
    from functions.host.masks import Masks
    from functions.host.web.limits import ExchangeLimits
    from functions.host.web.policies import OpenIdConnect, TokenPolicy


class Surroundings(Protocol):
    """What authenticating takes: a call's context has it, and whoever else fetches documents."""

    @property
    def http(self) -> aiohttp.ClientSession:
        """An HTTP client behind the egress policy."""

    @property
    def resources(self) -> Resources:
        """What is made once, and closed by its owner."""

    @property
    def masks(self) -> Masks:
        """What must not be told."""


@dataclass(frozen=True, slots=True)
class Authorization:
    """The DSL's authorization descriptor."""

    scheme: str
    parameter: str

    @property
    def header(self) -> str:
        """The value of the header."""
        return f"{self.scheme} {self.parameter}"


class Credentials:
    """One call's credentials of a policy other than digest, which answers a challenge."""

    def __init__(self, policy: TokenPolicy, context: Surroundings, tokens: Tokens) -> None:
        self._policy, self._tokens = policy, tokens
        self._http, self._masks = context.http, context.masks

    async def authorization(self) -> Authorization:
        """Return what to present; ToolError where an authority gives no token."""
        if self._policy.basic:
            pair = f"{self._policy.basic.username}:{self._policy.basic.password}"
            return self._presented("Basic", base64.b64encode(pair.encode()).decode())
        if self._policy.bearer:
            return self._presented("Bearer", self._policy.bearer.token)
        return self._presented("Bearer", await self._tokens.get(self._http, self._exchange))

    @property
    def renewable(self) -> bool:
        """Whether there can be another where one was refused."""
        return not (self._policy.basic or self._policy.bearer)

    async def another(self, refused: Authorization) -> Authorization:
        """Return a fresh token for one that was refused."""
        token = await self._tokens.get(self._http, self._exchange, refused.parameter)
        return self._presented("Bearer", token)

    def _presented(self, scheme: str, parameter: str) -> Authorization:
        self._masks.add(parameter)
        return Authorization(scheme, parameter)

    @property
    def _exchange(self) -> OpenIdConnect:
        policy = self._policy.oauth2 or self._policy.oidc
        assert policy is not None
        return policy


async def credentials(
    context: Surroundings, policy: TokenPolicy, limits: ExchangeLimits
) -> Credentials:
    """Return a call's credentials; tokens are shared by the calls of this process."""

    async def tokens() -> Tokens:
        return Tokens(limits)

    return Credentials(policy, context, await context.resources.once("tokens", tokens))
