"""One broker as a process of its own, for tests that kill it: PORT STORE SUBSCRIBER-URL."""

from __future__ import annotations

import sys
import time
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp
import uvicorn

from knative import filters
from knative.delivery import BackoffPolicy, DeliveryFailed, DeliverySpec, Response
from knative.local.broker import Broker
from knative.local.ingress import Ingress
from knative.local.matching import TriggerSpec

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.types import Receive, Scope, Send

SPEC = DeliverySpec(retry=10**6, backoff_policy=BackoffPolicy.EXPONENTIAL, backoff_delay=0.02)


async def deliver(url: str, headers: dict[str, str], body: bytes, seconds: float) -> Response:
    """POST with a connection of its own: speed is not the point here."""
    limit = aiohttp.ClientTimeout(total=seconds)
    try:
        async with (
            aiohttp.ClientSession(timeout=limit) as client,
            client.post(url, headers=headers, data=body) as response,
        ):
            return Response(response.status, [], await response.read())
    except (aiohttp.ClientError, TimeoutError) as error:
        raise DeliveryFailed(str(error)) from error


def main(port: int, store: Path, subscriber: str) -> None:
    """Serve until killed."""
    trigger = TriggerSpec("all", subscriber, filters.compile(), delivery=SPEC)
    broker = Broker(store, [trigger], deliver, now=time.time)
    ingress = Ingress(broker)

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[None]:
        broker.start()
        yield
        await broker.drain()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await ingress(scope, receive, send)
            return
        await receive()
        async with lifespan():
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})

    uvicorn.run(app, port=port, log_level="warning", lifespan="on")


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
