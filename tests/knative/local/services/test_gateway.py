"""Claims about the platform's one port, over real sockets."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from knative.local.gateway import Gateway
from knative.local.inquiry import Inquiry
from knative.local.listener import Server, listening, url_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from starlette.types import Receive, Scope, Send

    from events.envelope import Event
    from knative.local.stats import Judged

MIN_SCALE = "autoscaling.knative.dev/min-scale"


async def broker(scope: Scope, _receive: Receive, send: Send) -> None:
    """Stand where the broker's door stands, and say who came."""
    headers = [(b"x-method", scope["method"].encode()), (b"x-path", scope["path"].encode())]
    await send({"type": "http.response.start", "status": 202, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


class NoTriggers:
    """A broker without Triggers."""

    def judge(self, event: Event | None) -> list[Judged]:
        del event
        return []


@pytest.fixture
def gateway(platform: Callable[..., Any]) -> Callable[..., Any]:
    """Return a context manager that gives the echo service, a client and the gateway."""

    @asynccontextmanager
    async def run(**options: Any) -> AsyncIterator[tuple[Any, aiohttp.ClientSession, Gateway]]:
        async with platform(**options) as echo:
            with listening("127.0.0.1", 0) as listener:
                url = url_of(listener)
                app = Gateway(echo.activator, broker, url, Inquiry(NoTriggers()))
                server = Server(app, listener)
                server.start()
                async with aiohttp.ClientSession(url, auto_decompress=False) as client:
                    yield echo, client, app
                await server.stop()

    return run


async def test_proxy_passes_a_request_on(gateway: Any) -> None:
    """Path, query, headers and body reach the service, without its prefix, and from whom."""
    async with gateway() as (_, client, _app):
        path = "/services/echo/a%2Fb/c?x=%20y"
        async with client.post(path, data=b"hi", headers={"X-Mine": "1"}) as answer:
            said = await answer.json()
    headers = dict(said["headers"])
    assert (said["method"], said["query"], said["body"]) == ("POST", "x=%20y", "hi")
    assert said["path"] == "/a%2Fb/c"
    assert headers["x-mine"] == "1"
    assert headers["x-forwarded-prefix"] == "/services/echo"
    assert headers["x-forwarded-for"] == "127.0.0.1"


async def test_proxy_headers_of_an_answer(gateway: Any) -> None:
    """Repeated headers stay, hop-by-hop ones go, a Location that is a path gets the prefix."""
    async with gateway() as (_, client, _app), client.get("/services/echo/redirect") as answer:
        assert answer.status == 201
        assert answer.headers.getall("set-cookie") == ["a=1", "b=2"]
        assert answer.headers["location"] == "/services/echo/made/1"
        assert "x-hop" not in answer.headers


async def test_proxy_streams_events(gateway: Any, until: Any) -> None:
    """Server-sent events arrive one by one, and a client that leaves ends them at the source."""
    async with gateway() as (echo, client, _app):
        async with client.get("/services/echo/stream") as answer:
            assert answer.content_type == "text/event-stream"
            received = await asyncio.wait_for(answer.content.readuntil(b"data: 3\n\n"), 15)
            assert received.startswith(b"id: 1")
        closed = [0]

        async def look() -> None:
            closed[0] = (await echo.call("/seen", method="GET"))["closed"]

        for _ in range(200):
            await look()
            if closed[0]:
                break
            await asyncio.sleep(0.02)
        assert closed[0] == 1
        await until(lambda: echo.status["active"] == 0)


async def test_streams_can_be_cut(gateway: Any, until: Any) -> None:
    """When the platform stops, endless answers end, so that their services can."""
    async with gateway() as (echo, client, app):
        async with client.get("/services/echo/stream") as answer:
            await answer.content.readuntil(b"data: 1\n\n")
            app.end_streams()
            with pytest.raises(aiohttp.ClientPayloadError):
                await answer.content.read()
        await until(lambda: echo.status["active"] == 0)


async def test_proxy_streams_uploads(gateway: Any) -> None:
    """A body of unknown length is passed on as it comes."""
    async with (
        gateway() as (_, client, _app),
        client.post("/services/echo/upload", data=parts()) as answer,
    ):
        assert (await answer.json())["size"] == 50 * 65536


async def test_proxy_refusals(gateway: Any) -> None:
    """What the platform cannot pass on is a problem: 404, 502, 504."""
    async with gateway(timeoutSeconds=1) as (echo, client, _app):
        async with client.get("/services/nobody/x") as answer:
            assert answer.status == 404
            assert answer.content_type == "application/problem+json"
        async with client.get("/services/echo/slow?seconds=5") as answer:
            assert answer.status == 504
        call = asyncio.create_task(client.get("/services/echo/slow?seconds=5"))
        pid = (await echo.call())["pid"]
        os.kill(pid, signal.SIGKILL)
        assert (await call).status in {502, 504}


async def test_a_process_that_died_unnoticed(gateway: Any) -> None:
    """A request that it refuses goes to the next one, whatever the method: nothing was sent."""
    async with gateway() as (echo, client, _app):
        first = await echo.call()
        os.kill(first["parent"], signal.SIGSTOP)  # which reports the death
        os.kill(first["pid"], signal.SIGKILL)
        await _refused(dict(first["headers"])["host"])
        asyncio.get_running_loop().call_later(0.3, os.kill, first["parent"], signal.SIGCONT)
        async with client.post("/services/echo/x", data=parts()) as answer:
            assert answer.status == 200, await answer.text()
            said = await answer.json()
        assert said["pid"] != first["pid"]
        assert len(said["body"]) == 50 * 65536


@pytest.mark.parametrize(("method", "status"), [("GET", 200), ("POST", 502)])
async def test_a_process_that_dies_with_a_request(gateway: Any, method: str, status: int) -> None:
    """What may be repeated is had from the next one; what may have been done already is not."""
    async with gateway() as (echo, client, _app):
        first = await echo.call()
        call = asyncio.create_task(client.request(method, "/services/echo/slow?seconds=0.5"))

        deadline = time.monotonic() + 15
        while (await echo.call("/seen", method="GET"))["now"] != 1:
            assert time.monotonic() < deadline, "the request did not arrive"
        os.kill(first["pid"], signal.SIGKILL)
        async with await call as answer:
            assert answer.status == status
        assert (await echo.call("/seen", method="GET"))["most"] == (status == 200)


async def _refused(address: str) -> None:
    """Wait until nobody listens on an address any more."""
    host, _, port = address.partition(":")
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        try:
            _, writer = await asyncio.open_connection(host, int(port))
            writer.close()
        except ConnectionRefusedError:
            return
        except ConnectionResetError:  # it is about to be
            continue


async def parts() -> AsyncIterator[bytes]:
    """A body that comes piece by piece."""
    for _ in range(50):
        yield b"x" * 65536


async def test_broker_gets_the_rest(gateway: Any) -> None:
    """Every path that is no page and no service is the broker's, whatever the method."""
    async with gateway() as (_, client, _app):
        for method, path in [("POST", "/default/default"), ("OPTIONS", "/a/b"), ("POST", "/")]:
            async with client.request(method, path) as answer:
                assert answer.status == 202
                assert (answer.headers["x-method"], answer.headers["x-path"]) == (method, path)


async def test_pages(gateway: Any) -> None:
    """The landing page, the list of services and their health are served."""
    async with gateway() as (_, client, _app):
        async with client.get("/") as answer:
            text = await answer.text()
            assert answer.content_type == "text/html"
            assert "<td>echo<td>cold" in text
        async with client.get("/services") as answer:
            (status,) = (await answer.json())["services"]
            assert (status["name"], status["state"], status["minScale"]) == ("echo", "cold", 0)
        async with client.get("/healthz") as answer:
            assert answer.status == 200


async def test_health_waits_for_minimum_scale(
    gateway: Any, until: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Health is 503, with the reason, until every service with a minimum scale is ready.

    The platform's own log tells why, as the service said it last.
    """
    async with gateway(env={"ECHO_CRASH": "1"}, **{MIN_SCALE: "1"}) as (echo, client, _app):
        await until(lambda: echo.status["failure"])
        async with client.get("/healthz") as answer:
            assert answer.status == 503
            waiting = (await answer.json())["waiting"]
    assert waiting == {"echo": "exited with status 1 while starting"}
    assert "service echo exited with status 1 while starting: cannot start: ECHO" in caplog.text
    assert "`tendril logs echo` has more" in caplog.text
