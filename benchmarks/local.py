"""A platform of the benchmarks' own: started, warmed and stopped."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import aiohttp
import psutil

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

TOOLS = Path(__file__).parent / "tools"


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@dataclass
class Platform:
    """A running platform and its HTTP session."""

    url: str
    pid: int
    session: aiohttp.ClientSession

    async def api(self, method: str, path: str, **options: Any) -> Any:
        """Call the flow service and return its JSON."""
        address = f"{self.url}/services/flow{path}"
        async with self.session.request(method, address, **options) as response:
            response.raise_for_status()
            return await response.json(content_type=None)

    async def run(self, flow: str, value: Any, wait: int = 60) -> Any:
        """Run a flow to its end."""
        headers = {"Prefer": f"wait={wait}"}
        return await self.api("POST", f"/flows/{flow}/runs", json=value, headers=headers)

    def processes(self) -> dict[str, list[int]]:
        """Return the pids of the runtime's tree by what they are."""
        root = psutil.Process(self.pid)
        return {"runtime": [self.pid], "children": [c.pid for c in root.children(recursive=True)]}


@asynccontextmanager
async def platform(folder: Path, **settings: str) -> AsyncIterator[Platform]:
    """Start a platform without the model on a new folder, and stop it."""
    port = free_port()
    environment = os.environ | {
        "TENDRIL_TOOLS": str(TOOLS),
        "TENDRIL_WITHOUT": "inference",
        **settings,
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "knative.local", "--port", str(port), "--data", str(folder)],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=(folder.parent / f"{folder.name}.log").open("ab"),
    )
    timeout = aiohttp.ClientTimeout(total=300)
    connector = aiohttp.TCPConnector(limit=256)
    async with aiohttp.ClientSession(timeout=timeout, connector=connector) as session:
        made = Platform(f"http://127.0.0.1:{port}", process.pid, session)
        try:
            await ready(session, f"{made.url}/healthz")
            yield made
        finally:
            process.terminate()
            await asyncio.to_thread(process.wait, 60)


async def ready(session: aiohttp.ClientSession, url: str, seconds: float = 60) -> None:
    """Wait until `url` answers 2xx."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while loop.time() < deadline:
        with contextlib.suppress(aiohttp.ClientError):
            async with session.get(url) as response:
                if response.ok:
                    return
        await asyncio.sleep(0.05)
    raise TimeoutError(f"{url} was not ready within {seconds:g} s")


def pss_mb(pids: list[int], part: Literal["Pss", "Pss_Anon"] = "Pss") -> float:
    """Return the proportional set size of processes together, in MB.

    `Pss_Anon` is what they have written, and nothing of the program files that they map: what
    these count for changes with every other process on the machine that maps them too.
    """
    total = 0
    for pid in pids:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith(f"{part}:"):
                    total += int(line.split()[1])
    return total / 1024
