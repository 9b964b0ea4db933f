"""The inference service as a real process."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Inference:
    """A process of `python -m functions.inference` and its API."""

    def __init__(self, **environment: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "functions.inference"],
            env=os.environ | {"PORT": str(self.port)} | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def wait_ready(self) -> None:
        """Return once the readiness probe passes."""
        deadline = time.monotonic() + 60
        while self.process.poll() is None and time.monotonic() < deadline:
            try:
                self.get("/v1/models")
            except OSError:
                time.sleep(0.05)
            else:
                return
        pytest.fail("the service never became ready")

    def get(self, path: str) -> Any:
        """GET a JSON document."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
            return json.load(answer)

    def chat(self, content: str, **members: Any) -> Any:
        """Ask for a chat completion at temperature 0."""
        body = {"messages": [{"role": "user", "content": content}], "temperature": 0, **members}
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/v1/chat/completions",
            json.dumps({"model": "default", "max_tokens": 64} | body).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - ours
            return json.load(answer)

    def terminate(self) -> None:
        """Ask the process to stop."""
        self.process.send_signal(signal.SIGTERM)

    def end(self) -> tuple[int, str, str]:
        """Return the exit status, stdout and stderr of a process that is ending."""
        out, err = self.process.communicate(timeout=30)
        return self.process.returncode, out, err


@pytest.fixture
def start() -> Iterator[Callable[..., Inference]]:
    """Start services that end with the test."""
    started: list[Inference] = []

    def make(**environment: str) -> Inference:
        started.append(Inference(**environment))
        return started[-1]

    yield make
    for one in started:
        one.process.kill()
        one.process.communicate()


@pytest.fixture(scope="module")
def inference() -> Iterator[Inference]:
    """Serve the embedded model to all tests of a module."""
    service = Inference()
    service.wait_ready()
    yield service
    service.process.kill()
    service.process.communicate()
