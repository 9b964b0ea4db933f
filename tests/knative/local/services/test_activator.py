"""Claims about waking, holding, limiting and stopping services, on real processes."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from typing import TYPE_CHECKING, Any

import pytest

from knative.delivery import DeliveryFailed
from knative.local import process, template
from knative.local.revision import Liveness

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MIN_SCALE = "autoscaling.knative.dev/min-scale"
PRELOAD = "tendril.dev/preload"
COMMAND = "tendril.dev/command"


@pytest.mark.parametrize("preload", ["json.tool", ""])
async def test_wakes_and_answers(platform: Any, preload: str) -> None:
    """A cold service is started by a request, forked or spawned, with the promised variables."""
    async with platform(**{PRELOAD: preload}) as echo:
        assert echo.status["state"] == "cold"
        said = await echo.call("/a/b?x=1", b"hello", headers={"ce-id": "1"})
    assert (said["path"], said["query"], said["body"]) == ("/a/b", "x=1", "hello")
    assert ["ce-id", "1"] in said["headers"]
    assert said["preloaded"] is bool(preload)
    environment = said["environment"]
    assert environment["K_SERVICE"] == environment["K_CONFIGURATION"] == "echo"
    assert environment["K_REVISION"] == "echo-00001"
    assert environment["K_SINK"] == "http://127.0.0.1:8080/default/default"
    assert environment["TENDRIL_SERVICES"] == "http://127.0.0.1:8080/services/{name}"
    assert environment["TENDRIL_DATA"].endswith("/data")


async def test_requests_share_one_start(platform: Any) -> None:
    """Requests that meet a cold service wait for one and the same process."""
    async with platform(env={"ECHO_DELAY": "0.3"}) as echo:
        said = await asyncio.gather(*(echo.call() for _ in range(20)))
        assert len({answer["pid"] for answer in said}) == 1
        assert echo.status["coldStarts"] == 1
        assert echo.status["lastColdStartMs"] >= 300


async def test_scales_to_zero_and_back(platform: Any, until: Any, alive: Any) -> None:
    """A service without requests for window and grace ends; the next request starts another."""
    async with platform(window=0.2, grace=0.1) as echo:
        first = (await echo.call())["pid"]
        await until(lambda: echo.status["state"] == "cold")
        assert not alive(first)
        assert (await echo.call())["pid"] != first
        assert echo.status["coldStarts"] == 2


async def test_busy_service_stays(platform: Any) -> None:
    """A request that takes longer than the window keeps its process."""
    async with platform(window=0.1, grace=0.0) as echo:
        await echo.call("/slow?seconds=1")
        assert echo.status["coldStarts"] == 1


async def test_min_scale_is_kept_up(platform: Any, until: Any) -> None:
    """A service with a minimum scale starts unasked and is started again when it dies."""
    async with platform(window=0.1, grace=0.0, **{MIN_SCALE: "1"}) as echo:
        await until(lambda: echo.status["state"] == "ready")
        first = echo.status["pid"]
        os.kill(first, signal.SIGKILL)
        await until(lambda: echo.status["pid"] not in {None, first})


async def test_concurrency_and_queue(platform: Any) -> None:
    """`containerConcurrency` n: n at a time, 10 n wait, the next is a 503."""
    async with platform(containerConcurrency=2) as echo:
        await echo.call()
        calls = [echo.answer("/slow?seconds=0.2") for _ in range(24)]
        answers = await asyncio.gather(*calls)
    refused = [answer for answer in answers if answer.status == 503]
    assert len(refused) == 2
    assert "containerConcurrency" in json.loads(refused[0].body)["detail"]
    served = [json.loads(answer.body)["most"] for answer in answers if answer.status == 200]
    assert len(served) == 22
    assert max(served) == 2


async def test_timeout_includes_the_start(platform: Any) -> None:
    """Waiting for a start counts against `timeoutSeconds`: 504, and the start goes on."""
    async with platform(timeoutSeconds=1, env={"ECHO_DELAY": "1.5"}) as echo:
        answer = await echo.answer()
        assert answer.status == 504
        assert "timeoutSeconds (1)" in json.loads(answer.body)["detail"]
        assert echo.status["state"] == "starting"


async def test_delivery_timeout(platform: Any) -> None:
    """The caller's own shorter limit is a delivery without an answer."""
    async with platform() as echo:
        with pytest.raises(DeliveryFailed, match=r"within 0\.5 s"):
            await echo.answer("/slow?seconds=10", timeout=0.5)


async def test_crash_in_start(platform: Any) -> None:
    """A service that cannot start is a 502 that quotes what it wrote last."""
    async with platform(env={"ECHO_CRASH": "1"}) as echo:
        answer = await echo.answer()
        assert answer.status == 502
        detail = json.loads(answer.body)["detail"]
        assert "echo exited with status 1 while starting" in detail
        assert "cannot start: ECHO_CRASH is set" in detail
        assert echo.status["state"] == "failed"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({COMMAND: "python -m no_such_module"}, "No module named no_such_module"),
        ({PRELOAD: "", COMMAND: "no-such-program"}, "cannot run 'no-such-program': No such file"),
    ],
)
async def test_wrong_manifest(platform: Any, changes: dict[str, str], reason: str) -> None:
    """A module or a program that does not exist is a 502 that names it."""
    async with platform(**changes) as echo:
        answer = await echo.answer()
    assert answer.status == 502
    assert reason in json.loads(answer.body)["detail"]


async def test_broken_preload(platform: Any, tmp_path: Path) -> None:
    """A module that cannot be preloaded costs nobody else anything, and the log says why."""
    async with platform(**{PRELOAD: "no_such_module json.tool"}) as echo:
        assert (await echo.call())["preloaded"]
    log = (tmp_path / "data" / "logs" / "template.log").read_text()
    assert "No module named 'no_such_module'" in log


async def test_unknown_service(platform: Any) -> None:
    """A service that is not there is a 404 that names those that are."""
    async with platform() as echo:
        answer = await echo.activator.request("nobody", "POST", "/", {}, b"", 1.0)
    assert answer.status == 404
    assert "there are: echo" in json.loads(answer.body)["detail"]


async def test_death_fails_the_delivery(platform: Any, until: Any) -> None:
    """A process that dies while it serves fails the delivery; the next starts anew."""
    async with platform() as echo:
        pid = (await echo.call())["pid"]
        call = asyncio.create_task(echo.call("/slow?seconds=10"))
        await until(lambda: echo.status["active"] == 1)
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(DeliveryFailed):
            await call
        await until(lambda: echo.status["state"] == "cold")
        assert (await echo.call())["pid"] != pid


async def test_frozen_process_is_replaced(platform: Any, until: Any, alive: Any) -> None:
    """A process that answers no liveness probe is killed; the next request starts another."""
    liveness = Liveness(period=0.1, timeout=0.2, failures=2)
    async with platform(liveness=liveness) as echo:
        pid = (await echo.call())["pid"]
        os.kill(pid, signal.SIGSTOP)
        await until(lambda: not alive(pid) and echo.status["state"] == "cold")
        assert (await echo.call())["pid"] != pid


async def test_stop_drains(platform: Any, alive: Any, until: Any) -> None:
    """Stopping lets a request in progress end, refuses new ones, and leaves no process."""
    async with platform() as echo:
        pid = (await echo.call())["pid"]
        call = asyncio.create_task(echo.call("/slow?seconds=0.5"))
        await until(lambda: echo.status["active"] == 1)
        stopping = asyncio.create_task(echo.activator.revisions["echo"].stop(5.0))
        assert (await call)["now"] == 0
        await stopping
        assert not alive(pid)
        assert (await echo.answer()).status == 503


@pytest.mark.parametrize("preload", ["json.tool", ""])
async def test_stop_kills_what_ignores_it(
    platform: Any, alive: Any, preload: str, until: Any
) -> None:
    """Processes that a service started itself end with it."""
    async with platform(**{PRELOAD: preload}) as echo:
        child = (await echo.call("/child"))["pid"]
        assert alive(child)
    await until(lambda: not alive(child))


async def test_template_death(platform: Any, alive: Callable[[int], bool], until: Any) -> None:
    """When a template is killed its services end, and the next request starts both anew."""
    async with platform() as echo:
        said = await echo.call()
        os.kill(said["parent"], signal.SIGKILL)
        await until(lambda: not alive(said["pid"]))
        await until(lambda: echo.status["state"] == "cold")
        assert (await echo.call())["parent"] != said["parent"]


async def test_frozen_template(platform: Any, until: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A template that hangs is found out and killed, and services start from another."""
    monkeypatch.setattr(process, "REPORT_DEADLINE", 0.2)
    monkeypatch.setattr(template, "FORK_DEADLINE", 0.3)
    liveness = Liveness(period=0.1, timeout=0.2, failures=2)
    async with platform(liveness=liveness) as echo:
        said = await echo.call()
        os.kill(said["parent"], signal.SIGSTOP)
        os.kill(said["pid"], signal.SIGKILL)  # which nobody reports now
        await until(lambda: echo.status["state"] == "cold")
        answer = await echo.answer()
        assert answer.status == 502
        assert "the template process did not answer: killed" in answer.body.decode()
        assert (await echo.call())["parent"] != said["parent"]


async def test_stop_with_a_frozen_template(
    platform: Any, alive: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A template that hangs does not keep the platform from stopping."""
    monkeypatch.setattr(process, "REPORT_DEADLINE", 0.2)
    monkeypatch.setattr(template, "FORK_DEADLINE", 0.3)
    async with platform() as echo:
        said = await echo.call()
        os.kill(said["parent"], signal.SIGSTOP)
    assert not alive(said["pid"])
    assert not alive(said["parent"])


async def test_output_is_logged(platform: Any, tmp_path: Path) -> None:
    """What a service writes is in its log file."""
    async with platform(env={"ECHO_CRASH": "1"}) as echo:
        await echo.answer()
    assert "ECHO_CRASH" in (tmp_path / "data" / "logs" / "echo.log").read_text()


async def test_cold_start_time(platform: Any) -> None:
    """A forked cold start of a small app takes a fraction of a second, also on a busy machine."""
    async with platform(window=0.0, grace=0.0) as echo:
        await echo.call()
        started = time.monotonic()
        await echo.call()
        assert time.monotonic() - started < 5.0
