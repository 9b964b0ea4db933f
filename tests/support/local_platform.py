"""A real platform for end-to-end tests: processes, ports and files, nothing replaced."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import aiohttp
import psutil
import pytest

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

START_SECONDS = 60
ENDED = frozenset({"completed", "faulted", "cancelled"})


@dataclass
class LocalPlatform:
    """`tendril up` as a child process, and a client for it."""

    data: Path
    port: int
    session: aiohttp.ClientSession
    environment: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Start it and wait until it is ready."""
        self.data.mkdir(parents=True, exist_ok=True)
        arguments = ["-m", "knative.local", "--port", str(self.port), "--data", str(self.data)]
        with (self.data.parent / "platform.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, *arguments],
                env=os.environ | self.environment,
                stdout=log,
                stderr=log,
            )
        await until(self._ready, START_SECONDS, f"the platform is ready; see {self.data.parent}")

    async def _ready(self) -> bool:
        with contextlib.suppress(aiohttp.ClientError, TimeoutError):
            async with self.session.get(f"{self.url}/healthz") as response:
                return response.status == 200
        return False

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the runtime's process."""
        if self.process:
            self.process.send_signal(number)

    async def kill(self) -> None:
        """SIGKILL the runtime, as a crash would, and wait for its children to follow."""
        if self.process is None:
            return
        with contextlib.suppress(psutil.NoSuchProcess):
            children = psutil.Process(self.process.pid).children(recursive=True)
            self.process.kill()
            self.process.wait()
            await asyncio.to_thread(psutil.wait_procs, children, 10)

    def stop(self) -> None:
        """End it cleanly."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
            try:
                self.process.wait(40)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    async def api(self, method: str, path: str, **options: Any) -> tuple[int, Any]:
        """Call the flow service; return status and JSON."""
        url = f"{self.url}/services/flow{path}"
        async with self.session.request(method, url, **options) as response:
            text = await response.text()
            return response.status, json.loads(text) if text else None

    async def deploy(self, text: str) -> dict[str, Any]:
        """Deploy a flow that must be right."""
        status, answer = await self.api("POST", "/flows", data=text.encode())
        assert status in {200, 201}, answer
        result: dict[str, Any] = answer
        return result

    async def run(self, flow: str, value: Any = None, wait: int = 30) -> dict[str, Any]:
        """Start a run and wait for its end."""
        status, answer = await self.api(
            "POST", f"/flows/{flow}/runs", json=value, headers={"Prefer": f"wait={wait}"}
        )
        assert status in {200, 202}, answer
        result: dict[str, Any] = answer
        return result

    async def begin(self, flow: str, value: Any = None) -> str:
        """Start a run; return its id."""
        return str((await self.run(flow, value, wait=0))["id"])

    async def ended(self, run: str, within: float = 40) -> dict[str, Any]:
        """Wait for a run's end, however the platform fares meanwhile; return it."""
        seen: dict[str, Any] = {}

        async def over() -> bool:
            status, answer = await self.api("GET", f"/runs/{run}")
            seen.update(answer if status == 200 else {})
            return seen.get("status") in ENDED

        await until(over, within, f"run {run} ends")
        return seen

    async def publish(self, event: dict[str, Any]) -> int:
        """Publish a structured event on the broker."""
        async with self.session.post(
            f"{self.url}/default/default",
            data=json.dumps(event),
            headers={"Content-Type": "application/cloudevents+json"},
        ) as response:
            return response.status

    async def services(self) -> dict[str, dict[str, Any]]:
        """Return the runtime's services by name."""
        async with self.session.get(f"{self.url}/services") as response:
            answer = await response.json()
        return {service["name"]: service for service in answer["services"]}


async def until(condition: Callable[[], Awaitable[bool]], seconds: float, what: str) -> None:
    """Poll until `condition` holds; fail with `what` after `seconds`."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while not await condition():
        if loop.time() > deadline:
            pytest.fail(f"not within {seconds:g} s: {what}")
        await asyncio.sleep(0.05)
