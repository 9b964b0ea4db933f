"""JobSinks and the pods of their Jobs, on one machine: real processes that share real folders.

What is played is Knative's part (one Job for each source and id of an event, 400 for a name that
no JobSink has; `cmd/jobsink/main.go` of knative/eventing) and that of Kubernetes (a container that
fails is started again in its pod, a pod that is lost is made anew). What runs is what `render`
prints: the program's shell is the first process of a PID namespace, as it is in a container.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from aiohttp import web

from events.envelope import parse, to_structured
from knative.render import render

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from events.flow.syntax.run import Container

BOX = shutil.which("busybox") or "/usr/bin/env"
"""What runs an applet that it is given by name."""
FIRST_PROCESS = ("unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child")


@cache
def _flaw() -> str:
    if not shutil.which(FIRST_PROCESS[0]):
        return "no unshare is installed"
    tried = subprocess.run([*FIRST_PROCESS, "true"], capture_output=True, check=False)
    return tried.stderr.decode()


needs_first_process = pytest.mark.skipif(bool(_flaw()), reason=_flaw() or "it can")


def sinks(containers: Sequence[Container]) -> dict[str, dict[str, Any]]:
    """Return the JobSinks rendered for containers, by their names."""
    documents = yaml.safe_load_all(render(namespace="test", containers=containers))
    return {d["metadata"]["name"]: d for d in documents if d["kind"] == "JobSink"}


def part(sink: dict[str, Any], name: str) -> dict[str, Any]:
    """Return one container of a JobSink's pod."""
    pod = sink["spec"]["job"]["spec"]["template"]["spec"]
    [found] = [each for each in pod["containers"] if each["name"] == name]
    return dict(found)


@dataclass
class Pod:
    """The pod of one Job."""

    sink: dict[str, Any]
    folder: Path
    environment: dict[str, str]
    processes: dict[str, asyncio.subprocess.Process] = field(default_factory=dict)
    restarts: asyncio.Event = field(default_factory=asyncio.Event)
    """Cleared, a container that failed is not started again."""

    def __post_init__(self) -> None:
        for name in ("ask", "said"):
            (self.folder / name).mkdir(parents=True)
        self.restarts.set()

    def command(self, name: str) -> list[str]:
        """Return what a container runs, with the folders where they are here."""
        places = {
            "/tendril/ask/busybox": BOX,
            "/tendril/ask": str(self.folder / "ask"),
            "/tendril/said": str(self.folder / "said"),
            "python": sys.executable,
        }
        command = [places.get(word, word) for word in part(self.sink, name)["command"]]
        return command if name == "host" else [*FIRST_PROCESS, *command]

    async def start(self, name: str) -> asyncio.subprocess.Process:
        """Start one of the containers."""
        ours = self.environment if name == "host" else {"PATH": os.environ["PATH"]}
        self.processes[name] = await asyncio.create_subprocess_exec(
            *self.command(name), env=ours, start_new_session=True
        )
        return self.processes[name]

    async def live(self, name: str) -> int:
        """Run a container until it succeeds; return how often it failed."""
        failures = 0
        while await (await self.start(name)).wait():
            failures += 1
            await self.restarts.wait()
            await asyncio.sleep(0.05)
        return failures

    def end(self) -> None:
        """Kill what runs, as a node does that is lost."""
        for process in self.processes.values():
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


class Cluster:
    """Takes events for JobSinks at `url`; `environment` is what the hosts of Jobs have."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.environment, self.url = folder, dict(os.environ), ""
        self.sinks: dict[str, dict[str, Any]] = {}
        self.jobs: dict[tuple[str, str], Pod] = {}
        self._living: dict[str, asyncio.Future[tuple[int, int]]] = {}

    async def take(self, request: web.Request) -> web.Response:
        """Make a Job of an event, unless one is there."""
        sink = self.sinks.get(request.path.rpartition("/")[2])
        if sink is None:
            return web.Response(status=400)
        event = parse(list(request.headers.items()), await request.read())
        key = (event.source, event.id)
        if key not in self.jobs:
            self.make(key, sink, to_structured(event)[1])
        return web.Response(status=202)

    def make(self, key: tuple[str, str], sink: dict[str, Any], event: bytes) -> Pod:
        """Start a pod for an event."""
        folder = self.folder / f"pod-{len(list(self.folder.glob('pod-*')))}"
        environment = {**self.environment, "K_EVENT_PATH": str(folder)}
        pod = self.jobs[key] = Pod(sink, folder, environment)
        (folder / "event").write_bytes(event)
        both = asyncio.gather(pod.live("host"), pod.live("program"))
        self._living[str(folder)] = asyncio.ensure_future(both)
        return pod

    def lose(self, key: tuple[str, str]) -> Pod:
        """Lose a Job's pod with all it has, and make it anew."""
        pod = self.jobs[key]
        self._living[str(pod.folder)].cancel()
        pod.end()
        return self.make(key, pod.sink, (pod.folder / "event").read_bytes())

    async def ended(self, pod: Pod) -> tuple[int, int]:
        """Wait for both containers to succeed; return how often each had failed."""
        living = asyncio.shield(self._living[str(pod.folder)])
        host, program = await asyncio.wait_for(living, 30)
        return host, program

    async def close(self) -> None:
        """Kill what is left."""
        for living in self._living.values():
            living.cancel()
        await asyncio.gather(*self._living.values(), return_exceptions=True)
        for pod in self.jobs.values():
            pod.end()
