"""A platform of one small real service, and waiting for conditions."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import time
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from knative.local.activator import Activator
from knative.local.surroundings import Surroundings
from knative.toolsets import within

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

TOOLS = Path(__file__).parent / "tools"


class Echo:
    """The test service on an activator of its own."""

    def __init__(self, activator: Activator) -> None:
        self.activator = activator

    @property
    def status(self) -> dict[str, Any]:
        """The service's line of `GET /services`."""
        (status,) = self.activator.statuses()
        return status

    async def call(self, path: str = "/", body: bytes = b"", **options: Any) -> Any:
        """POST to the service; returns the parsed JSON of a 2xx."""
        response = await self.answer(path, body, **options)
        assert 200 <= response.status < 300, response
        return json.loads(response.body)

    async def answer(self, path: str = "/", body: bytes = b"", **options: Any) -> Any:
        """POST (or `method`) to the service; returns the Response."""
        method = options.pop("method", "POST")
        timeout = options.pop("timeout", 20.0)
        return await self.activator.request(
            "echo", method, path, options.pop("headers", {}), body, timeout
        )


def write_tool(root: Path, *, env: dict[str, str], **changes: Any) -> Path:
    """Copy the echo tool below `root` with other annotations, variables or spec fields."""
    shutil.copytree(TOOLS / "echo", root / "tools" / "echo")
    file = root / "tools" / "echo" / "service.yaml"
    service = yaml.safe_load(file.read_text())
    template = service["spec"]["template"]
    for name, value in changes.items():
        if "/" in name:
            template["metadata"]["annotations"].pop(name, None)
            template["metadata"]["annotations"].update({name: value} if value else {})
        else:
            template["spec"][name] = value
    template["spec"]["containers"][0]["env"] = [
        {"name": name, "value": value} for name, value in env.items()
    ]
    file.write_text(yaml.safe_dump(service))
    return root / "tools"


@pytest.fixture
def make_tool(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes the echo tool with changes and returns its tools folder."""
    return lambda **changes: write_tool(tmp_path, env={}, **changes)


@pytest.fixture
def platform(tmp_path: Path) -> Callable[..., Any]:
    """Return a context manager that runs the echo service: `window`, `liveness`, changes."""

    @asynccontextmanager
    async def run(**options: Any) -> AsyncIterator[Echo]:
        settings = {k: options.pop(k) for k in ("window", "grace", "liveness") if k in options}
        root = write_tool(tmp_path, env=options.pop("env", {}), **options)
        surroundings = Surroundings(
            url="http://127.0.0.1:8080",
            data=tmp_path / "data",
            folder=tmp_path,
            tools=(root,),
            environment=dict(os.environ),
        )
        activator = Activator(within(root), surroundings, **settings)
        await activator.start()
        try:
            yield Echo(activator)
        finally:
            await activator.stop(grace=5.0)

    return run


@pytest.fixture
def until() -> Callable[..., Any]:
    """Return a coroutine that polls a condition until it holds, and fails in the end."""

    async def wait(condition: Callable[[], object], seconds: float = 15.0) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, "the condition did not come true in time"
            await asyncio.sleep(0.01)

    return wait


@pytest.fixture
def alive() -> Callable[[int], bool]:
    """Return a test of whether a process runs; a zombie does not."""

    def check(pid: int) -> bool:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return False
        return state != "Z"

    return check
