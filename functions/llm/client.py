"""One question to one provider over HTTP."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from functools import reduce
from typing import TYPE_CHECKING, Final

import aiohttp
from dotenv import dotenv_values

from events.errors import ErrorType, ToolError
from functions.host import retry_after
from functions.host.egress import EgressPolicy, session
from functions.llm.breakers import Breakers
from functions.llm.completion import Answer, Count, Question, complaint, read
from functions.llm.failures import Busy, Unavailable, Unusable, from_status

if TYPE_CHECKING:
    from collections.abc import Mapping

    from functions.host.settings import Settings as HostSettings
    from functions.llm.settings import Provider, Settings

_MAX_ANSWER: Final = 16 * 1024 * 1024
_OK: Final = 200


class Client:
    """The connections and circuits that all questions of a process share."""

    def __init__(self, settings: Settings, host: HostSettings) -> None:
        self.chain = settings.chain(host.services)
        self._breakers = Breakers(
            settings.breaker_failures, settings.breaker_seconds, (Busy, Unusable, ToolError)
        )
        policy = reduce(
            lambda policy, provider: policy.allowing(provider.url),
            self.chain,
            EgressPolicy.parse(host.egress_allow),
        )
        self._http = session(policy)
        # a key stands where the settings that name it do, as they are read: the environment wins
        self._variables = {**dotenv_values(".env"), **os.environ}

    async def ask(
        self,
        provider: Provider,
        model: str,
        asked: Question,
        key: str,
        seconds: float,
        count: Count,
    ) -> Answer:
        """Return the provider's answer within `seconds`; `count` is told its tokens.

        CircuitOpen while it is left alone; a Failure when another provider may do better;
        ToolError when none would.
        """
        headers = {"Idempotency-Key": key, **_credentials(provider, self._variables)}
        async with self._breakers.circuit(provider.name):
            try:
                return read(
                    await self._post(provider, model, asked, headers, seconds), asked, count
                )
            except TimeoutError:
                raise Unavailable(f"{provider.name} took longer than {seconds:g} s") from None
            except (aiohttp.ClientError, OSError) as error:
                reason = str(error) or type(error).__name__
                raise Unavailable(f"{provider.name} did not answer: {reason}") from error

    async def _post(
        self,
        provider: Provider,
        model: str,
        asked: Question,
        headers: dict[str, str],
        seconds: float,
    ) -> bytes:
        async with self._http.post(
            f"{provider.url.rstrip('/')}/chat/completions",
            json={"model": model, **asked.members},
            headers=headers,
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=seconds, sock_connect=10.0),
        ) as answer:
            body = await _whole(answer)
            if answer.status == _OK:
                return body
            wait = retry_after.parse(answer.headers.get("Retry-After"), datetime.now(UTC))
            raise from_status(provider.name, answer.status, complaint(body), wait)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.close()


def _credentials(provider: Provider, variables: Mapping[str, str | None]) -> dict[str, str]:
    if not provider.api_key_env:
        return {}
    if not (key := variables.get(provider.api_key_env)):
        missing = f"the variable {provider.api_key_env} is not set, nor is it in .env"
        detail = f"provider {provider.name}: {missing}"
        raise ToolError(detail, type=ErrorType.CONFIGURATION)
    return {"Authorization": f"Bearer {key}"}


async def _whole(answer: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for chunk in answer.content.iter_chunked(65_536):
        body += chunk
        if len(body) > _MAX_ANSWER:
            raise Unavailable(f"an answer of more than {_MAX_ANSWER} bytes")
    return bytes(body)
