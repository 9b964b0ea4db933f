"""Broker ingress under load, beside an echo of the same server under the same load."""

from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import aiohttp

from benchmarks.local import free_port, platform, ready

SECONDS = 6
CONNECTIONS = 64
_SCRIPT = """
wrk.method = "POST"
wrk.body = '{"n": 1}'
wrk.headers["content-type"] = "application/json"
wrk.headers["ce-specversion"] = "1.0"
wrk.headers["ce-type"] = "io.serverlessworkflow.task.bench.v1"
wrk.headers["ce-source"] = "/bench"
local n = 0
request = function()
  n = n + 1
  wrk.headers["ce-id"] = tostring(n) .. "-" .. tostring(math.random(1000000000))
  return wrk.format()
end
"""


_TRIGGER = """
apiVersion: eventing.knative.dev/v1
kind: Trigger
metadata: {{name: silent}}
spec:
  broker: default
  filter: {{attributes: {{type: io.serverlessworkflow.task.bench.v1}}}}
  subscriber: {{uri: 'http://127.0.0.1:{port}/'}}
  delivery: {{retry: 0, timeout: PT600S}}
"""


async def ratio(folder: Path) -> dict[str, float]:
    """Return requests a second of echo and ingress, and their ratio.

    Every event matches one Trigger, whose subscriber never answers: an event without a Trigger
    would not be stored at all, and one that is delivered would cost more than its ingress.
    """
    if shutil.which("wrk") is None:
        raise FileNotFoundError("wrk is not installed (Debian: apt-get install wrk)")
    echo = await _echo()
    silent = await asyncio.start_server(_say_nothing, "127.0.0.1", 0)
    manifest = folder.with_suffix(".yaml")
    manifest.write_text(_TRIGGER.format(port=silent.sockets[0].getsockname()[1]))
    async with platform(folder, TENDRIL_MANIFESTS=str(manifest), TENDRIL_DRAIN="1") as local:
        ingress = await asyncio.to_thread(_wrk, f"{local.url}/default/default")
    silent.close()
    _must_be_stored(folder / "broker.db")
    return {"echo": echo, "ingress": ingress, "ratio": ingress / echo}


async def _say_nothing(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.read()


def _must_be_stored(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as store:
        [[stored]] = store.execute("SELECT count(*) FROM events")
    if stored < 1000:
        raise RuntimeError(f"{path} holds {stored} events: what was measured is no ingress")


async def _echo() -> float:
    port = free_port()
    command = [sys.executable, str(Path(__file__).parent / "echo.py"), str(port)]
    process = subprocess.Popen(command)
    try:
        async with aiohttp.ClientSession() as session:
            await ready(session, f"http://127.0.0.1:{port}/healthz")
        return await asyncio.to_thread(_wrk, f"http://127.0.0.1:{port}/default/default")
    finally:
        process.terminate()
        process.wait()


def _wrk(url: str) -> float:
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(_SCRIPT)
        script.flush()
        done = subprocess.run(
            ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", "-s", script.name, url],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
    if "Non-2xx" in done.stdout:
        raise RuntimeError(f"{url} refused requests:\n{done.stdout}")
    match = re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)
    assert match, done.stdout
    return float(match[1])
