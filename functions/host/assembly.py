"""The parts every service of functions is built from, opened and closed together."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from functions.host.blobs import Blobs
from functions.host.deployed import Deployments
from functions.host.emitting import Emitter
from functions.host.jq import JqPool
from functions.host.ledger import open_ledger
from functions.host.metering import most
from functions.host.objects import open_store
from functions.host.settle import Settler
from functions.host.shared import Shared
from functions.host.sink import Sink
from functions.host.states import States
from functions.host.stepping import Stepper

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from functions.host.ledger import Ledger
    from functions.host.objects import ObjectStore
    from functions.host.settings import Settings


@dataclass(frozen=True, slots=True)
class Platform:
    """Open connections to the ledger, the objects, the broker and the expression worker."""

    settings: Settings
    ledger: Ledger
    objects: ObjectStore
    blobs: Blobs
    deployments: Deployments
    sink: Sink
    jq: JqPool
    emitter: Emitter
    settler: Settler
    clock: Callable[[], float] = time.time


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Platform]:
    """Open the platform's parts for one service, and close them when it drains."""
    async with AsyncExitStack() as closing:
        ledger = open_ledger(
            settings.ledger_url,
            max_pages=settings.ledger_max_pages,
            connections=settings.ledger_connections,
        )
        closing.push_async_callback(ledger.close)
        objects = open_store(settings.objects_url)
        blobs = Blobs(objects, settings.dataref_threshold)
        sink = Sink(settings.sink)
        closing.push_async_callback(sink.close)
        jq = JqPool()
        closing.callback(jq.close)
        deployments = Deployments(ledger)
        stepper = Stepper(
            Shared(ledger, blobs),
            States(ledger, blobs),
            blobs,
            deployments,
            jq,
            time.time,
            grace=settings.request_grace,
            max_steps=settings.max_steps,
            limits=most(settings),
        )
        closing.callback(stepper.close)
        emitter = Emitter(ledger, blobs, sink)
        settler = Settler(
            ledger,
            blobs,
            stepper,
            emitter,
            time.time,
            lease=settings.lease,
            soon=settings.sweep_interval * 1.5,
        )
        closing.callback(settler.close)
        starting = asyncio.create_task(asyncio.to_thread(jq.start))
        try:
            yield Platform(
                settings, ledger, objects, blobs, deployments, sink, jq, emitter, settler
            )
        finally:
            await starting
