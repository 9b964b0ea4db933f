"""The composition root: one process, one port; broker, activator and sources."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import uvloop

from events.vocabulary import LIFECYCLE_PREFIXES
from knative import toolsets
from knative.local import memory, wiring
from knative.local.activator import Activator
from knative.local.broker import Broker
from knative.local.courier import Courier
from knative.local.disorder import Disorder
from knative.local.folder import announced, held
from knative.local.gateway import Gateway
from knative.local.ingress import Ingress
from knative.local.inquiry import Inquiry
from knative.local.listener import Server, listening, url_of
from knative.local.planting import fork, seed
from knative.local.pressure import Bounds
from knative.local.rates import Rates
from knative.local.revision import Liveness
from knative.local.sources import PingSources
from knative.local.surroundings import Surroundings
from knative.render import render
from knative.resources import PingSource, load

if TYPE_CHECKING:
    import socket
    from collections.abc import Sequence

    from knative.local.planting import Planted
    from knative.resources import Resource
    from knative.settings import Settings
    from knative.toolsets import Deployment

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to run: everything that can be wrong is found while this is made."""

    settings: Settings
    data: Path
    deployments: Sequence[Deployment]
    resources: Sequence[Resource]

    @classmethod
    def of(cls, settings: Settings) -> Plan:
        """Read the settings' folders and manifests; raises ValueErrors that say what is wrong."""
        tools = settings.tool_folders
        return cls(
            settings=settings,
            data=settings.data.expanduser().resolve(),
            deployments=_chosen(toolsets.find(tools), settings.left_out),
            resources=load(render(tools, settings.manifest_paths)),
        )


def _chosen(found: Sequence[Deployment], left_out: frozenset[str]) -> list[Deployment]:
    names = {deployment.service.name for deployment in found}
    if unknown := sorted(left_out - names):
        known = ", ".join(sorted(names))
        raise ValueError(f"TENDRIL_WITHOUT: no service '{unknown[0]}'; there are: {known}")
    return [deployment for deployment in found if deployment.service.name not in left_out]


def run(settings: Settings) -> None:
    """Run a platform until SIGINT or SIGTERM.

    Raises FolderInUse, PortInUse, StoreError or a ValueError when it cannot start.
    """
    plan = Plan.of(settings)
    # first of all: what is open, running or configured later is not the template's
    planted = fork(seed(plan.deployments, plan.data, settings.tool_folders))
    _log(settings.log_level)
    with (
        held(plan.data),
        listening(settings.host, settings.port) as listener,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        runner.run(_serve(plan, listener, planted))


async def _serve(plan: Plan, listener: socket.socket, planted: Planted) -> None:
    url = url_of(listener)
    stopped = _on_signals()
    activator = _activator(plan, url, planted)
    courier = Courier(activator)
    broker = courier.broker = _broker(plan, courier)
    sources = _sources(plan, courier)
    gateway = Gateway(activator, _ingress(plan.settings, broker), url, Inquiry(broker))
    async with AsyncExitStack() as stack:  # closes in the opposite order
        # only now: who reads it may end the platform, which has to hear of it
        stack.enter_context(announced(plan.data, url))
        broker.start()
        server = Server(gateway, listener)
        await activator.start()
        stack.push_async_callback(server.stop)
        stack.push_async_callback(activator.stop, plan.settings.drain)
        stack.push_async_callback(broker.drain, plan.settings.drain)
        stack.callback(gateway.end_streams)
        server.start()
        ticking = asyncio.create_task(sources.run())
        stack.callback(ticking.cancel)
        memory.settle()
        logger.info("up at %s, data in %s", url, plan.data)
        await stopped.wait()
        logger.info("stopping: requests and services have %g s to end", plan.settings.drain)
    logger.info("stopped")


def _activator(plan: Plan, url: str, planted: Planted) -> Activator:
    settings = plan.settings
    surroundings = Surroundings(
        url=url,
        data=plan.data,
        folder=Path.cwd(),
        tools=settings.tool_folders,
        environment=_environment(plan),
    )
    liveness = Liveness(
        settings.liveness_period, settings.liveness_timeout, settings.liveness_failures
    )
    return Activator(
        plan.deployments,
        surroundings,
        settings.scale_window,
        settings.scale_grace,
        liveness,
        planted,
    )


def _environment(plan: Plan) -> dict[str, str]:
    """Return what services inherit; where no Trigger could hear lifecycle events, none are told."""
    triggers = wiring.triggers(plan.resources)
    heard = ((each, prefix) for each in triggers for prefix in LIFECYCLE_PREFIXES)
    if all(trigger.filter.excludes("type", prefix) for trigger, prefix in heard):
        return os.environ | {"TENDRIL_LIFECYCLE": "off"}
    return dict(os.environ)


def _broker(plan: Plan, courier: Courier) -> Broker:
    settings = plan.settings
    return Broker(
        plan.data / "broker.db",
        wiring.triggers(plan.resources),
        courier.deliver,
        now=time.time,
        addresses=wiring.brokers(plan.resources),
        concurrency=settings.delivery_concurrency,
        disorder=Disorder.parse(settings.disorder) if settings.disorder else None,
        bounds=Bounds(
            deliveries=settings.max_undelivered,
            size=settings.max_undelivered_bytes,
            free=settings.min_free_bytes,
        ),
    )


def _ingress(settings: Settings, broker: Broker) -> Ingress:
    rate = settings.max_source_rate
    rates = Rates(rate, time.monotonic) if rate else None
    return Ingress(broker, limit=settings.max_event_bytes, rates=rates)


def _sources(plan: Plan, courier: Courier) -> PingSources:
    sources = [resource for resource in plan.resources if isinstance(resource, PingSource)]
    return PingSources(sources, courier.deliver, lambda: datetime.now(UTC))


def _log(level: str) -> None:
    logging.basicConfig(
        level=level, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s"
    )
    logging.getLogger("uvicorn").setLevel(logging.WARNING)  # the runtime says what happens


def _on_signals() -> asyncio.Event:
    """Return an event that SIGINT and SIGTERM set; a second one ends the process at once."""
    stopped = asyncio.Event()

    def stop(number: signal.Signals) -> None:
        if stopped.is_set():
            os._exit(128 + number)  # the services' lifeline ends them
        stopped.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(number, stop, number)
    return stopped
