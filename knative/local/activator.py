"""Takes requests for services: wakes them, holds requests while they start, passes them on."""

from __future__ import annotations

import asyncio
import math
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, TypeVar

import aiohttp
from yarl import URL

from knative.delivery import DeliveryFailed, Response
from knative.local.instance import Instance, Probes, StartFailed, launch
from knative.local.journal import Journal
from knative.local.planting import Planted, Seed, seed
from knative.local.refusal import UNSERVED, Refusal, refusal
from knative.local.repeating import repeatable
from knative.local.revision import DRAIN, Liveness, Revision
from knative.local.scale import GRACE_PERIOD, STABLE_WINDOW, Scale
from knative.local.template import Template, TemplateError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence

    from knative.local.surroundings import Surroundings
    from knative.toolsets import Deployment

T = TypeVar("T")
_KEEP_ALIVE: Final = 4.0
"""Seconds an idle connection is kept: below the 5 s after which uvicorn closes its side."""
_SILENT: Final = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")


class Activator:
    """All services of the platform, by name."""

    def __init__(
        self,
        deployments: Sequence[Deployment],
        surroundings: Surroundings,
        window: float = STABLE_WINDOW,
        grace: float = GRACE_PERIOD,
        liveness: Liveness | None = None,
        planted: Planted | None = None,
    ) -> None:
        self._deployments = deployments
        self._surroundings = surroundings
        self._window = window
        self._grace = grace
        self._liveness = liveness or Liveness()
        self._planted = planted
        self.revisions: dict[str, Revision] = {}

    async def start(self) -> None:
        """Open the HTTP client, start the templates and every service with a minimum scale."""
        self.http = client()
        self.revisions = {d.service.name: self._revision(d) for d in self._deployments}
        self._template = Template(self._seed(), self._planted)
        self._warming = asyncio.create_task(_warm(self._template))
        for revision in self.revisions.values():
            revision.keep_up()

    async def stop(self, grace: float = DRAIN) -> None:
        """Drain and stop every process; services may still reach the platform meanwhile."""
        await asyncio.gather(*(r.stop(grace) for r in self.revisions.values()))
        await self._warming
        await self._template.close()
        await self.http.close()

    async def request(
        self,
        service: str,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        timeout: float,  # noqa: ASYNC109 - the broker's limit beside the service's own
    ) -> Response:
        """Send one request to a service and return its answer, or the platform's own refusal.

        Raises DeliveryFailed when the connection gave no answer or `timeout` seconds passed.
        """
        try:
            return await self.serve(
                service,
                lambda instance: self._exchange(instance, method, path, headers, body),
                lambda error: repeatable(error, method),
                timeout,
            )
        except Refusal as refused:
            return refused.response()
        except TimeoutError:
            raise DeliveryFailed(f"{service} did not answer within {timeout:g} s") from None
        except (aiohttp.ClientError, OSError) as error:
            raise DeliveryFailed(f"{service}: {error or type(error).__name__}") from error

    async def serve(
        self,
        service: str,
        exchange: Callable[[Instance], Awaitable[T]],
        repeatable: Callable[[Exception], bool],
        within: float = math.inf,
    ) -> T:
        """Hold a request until `service` takes it, and return what `exchange` makes of it.

        An instance that has died may be found out by the request itself: where that is
        `repeatable` after the error, the next instance gets it, once. Raises Refusal where it
        cannot be served, or is not within the service's timeoutSeconds, and TimeoutError after
        `within` seconds where those are fewer.
        """
        revision = self.revisions.get(service)
        if revision is None:
            known = ", ".join(self.revisions)
            raise Refusal(404, "Not Found", f"no service '{service}'; there are: {known}")
        async with self._admitted(revision, within) as instance:
            try:
                return await exchange(instance)
            except (aiohttp.ClientError, OSError) as error:
                following = await revision.following(instance) if repeatable(error) else None
                if following is None:
                    raise
            return await exchange(following)

    @asynccontextmanager
    async def _admitted(self, revision: Revision, within: float) -> AsyncIterator[Instance]:
        service = revision.service.name
        try:
            limit = min(revision.timeout, within)
            async with asyncio.timeout(limit), revision.admit() as instance:
                yield instance
        except TimeoutError:
            if within < revision.timeout:
                raise
            detail = f"{service} took longer than its timeoutSeconds ({revision.timeout:g})"
            raise Refusal(504, "Gateway Timeout", detail) from None
        except UNSERVED as error:
            raise refusal(service, error) from error

    def statuses(self) -> list[dict[str, Any]]:
        """Describe every service, as `GET /services` shows it."""
        return [_status(revision) for revision in self.revisions.values()]

    async def _exchange(
        self, instance: Instance, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> Response:
        url = URL(instance.url + path, encoded=True)
        async with self.http.request(
            method, url, headers=headers, data=body or None, allow_redirects=False
        ) as response:
            received = await response.read()
            pairs = [(name.lower(), value) for name, value in response.headers.items()]
            return Response(response.status, pairs, received)

    def _seed(self) -> Seed:
        return seed(self._deployments, self._surroundings.data, self._surroundings.tools)

    def _revision(self, deployment: Deployment) -> Revision:
        service = deployment.service
        return Revision(
            service,
            Scale.of(service, self._window, self._grace),
            lambda: self._launch(deployment),
            self.http,
            Journal(self._surroundings.log(service.name)),
            self._liveness,
        )

    async def _launch(self, deployment: Deployment) -> Instance:
        async def run(port: int) -> Any:
            command = self._surroundings.command(deployment, port)
            return await self._template.run(command)

        try:
            return await launch(run, Probes.of(deployment.service))
        except (TemplateError, OSError) as error:
            raise StartFailed(f"could not be started: {error}") from error


def client() -> aiohttp.ClientSession:
    """Return the session for everything the platform sends: it adds no headers, follows nothing."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEEP_ALIVE),
        timeout=aiohttp.ClientTimeout(total=None),
        auto_decompress=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        skip_auto_headers=_SILENT,
        max_line_size=1 << 16,
        max_field_size=1 << 16,
    )


async def _warm(template: Template) -> None:
    try:
        await template.start()
    except TemplateError:
        return  # the first start that needs it reports it


def _status(revision: Revision) -> dict[str, Any]:
    last = revision.last_cold_start
    return {
        "name": revision.service.name,
        "state": revision.state,
        "pid": revision.pid,
        "minScale": revision.scale.minimum,
        "active": revision.admission.active,
        "queued": revision.admission.queued,
        "coldStarts": revision.cold_starts,
        "lastColdStartMs": None if last is None else round(last * 1000, 1),
        "failure": revision.failure,
    }
