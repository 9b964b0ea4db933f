"""Carries one message to a URL: one of our services, one of our brokers, or somebody else's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import aiohttp

from events.attributes import EnvelopeError
from events.envelope import parse
from knative.delivery import DeliveryFailed, Response
from knative.local.addresses import BrokerAddress, ServiceAddress, resolve
from knative.local.broker import NotAccepting, UnknownBroker
from knative.local.pressure import Busy
from knative.local.refusal import Refusal
from knative.local.tables import StoreError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from knative.local.broker import Broker


class Services(Protocol):
    """What the courier needs of the activator."""

    http: aiohttp.ClientSession

    async def request(
        self,
        service: str,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        timeout: float,  # noqa: ASYNC109 - each delivery brings its own
    ) -> Response:
        """Send one request to a service; raises DeliveryFailed when there was no answer."""


class Courier:
    """Delivers for the broker and the sources; `broker` is set once it exists."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self.broker: Broker | None = None

    async def deliver(
        self,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
        timeout: float,  # noqa: ASYNC109 - each delivery brings its own
    ) -> Response:
        """POST one message; raises DeliveryFailed when there was no answer."""
        match resolve(url):
            case ServiceAddress(name, path):
                return await self._services.request(name, "POST", path, headers, body, timeout)
            case BrokerAddress(name):
                return await self._accept(name, headers, body)
            case _:
                return await self._post(url, headers, body, timeout)

    async def _accept(self, address: str, headers: Mapping[str, str], body: bytes) -> Response:
        assert self.broker is not None
        try:
            await self.broker.accept(parse(headers.items(), body), address)
        except EnvelopeError as error:
            return Refusal(400, "Bad Request", str(error)).response()
        except UnknownBroker:
            return Refusal(404, "Not Found", f"there is no broker {address}").response()
        except (NotAccepting, Busy, StoreError) as error:
            return Refusal(503, "Service Unavailable", str(error)).response()
        return Response(202, [], b"")

    async def _post(
        self, url: str, headers: Mapping[str, str], body: bytes, limit: float
    ) -> Response:
        timeout = aiohttp.ClientTimeout(total=limit)
        try:
            async with self._services.http.post(
                url, headers=headers, data=body or None, timeout=timeout, allow_redirects=False
            ) as response:
                received = await response.read()
        except TimeoutError:
            raise DeliveryFailed(f"{url} did not answer within {limit:g} s") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise DeliveryFailed(f"{url}: {error or type(error).__name__}") from error
        pairs = [(name.lower(), value) for name, value in response.headers.items()]
        return Response(response.status, pairs, received)
