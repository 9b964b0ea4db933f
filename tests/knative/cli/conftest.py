"""The command line as a process, and a small platform that speaks the API it talks to."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.support.ports import free_port

if TYPE_CHECKING:
    from pathlib import Path

Tendril = Callable[..., subprocess.CompletedProcess[str]]


@dataclass
class FakePlatform:
    """What the platform was told, and what it answers: `answers` by "METHOD path"."""

    url: str = ""
    answers: dict[str, list[tuple[int, Any]]] = field(default_factory=dict)
    requests: list[dict[str, Any]] = field(default_factory=list)

    def answer(self, request: str, *values: Any, status: int = 200) -> None:
        """Answer `request` with the values (or what they return) in turn, the last one always."""
        self.answers[request] = [(status, value) for value in values]

    def take(self, method: str, target: str, headers: dict[str, str], body: bytes) -> Any:
        """Note a request and return its answer."""
        parts = urlsplit(target)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        self.requests.append(
            {"request": f"{method} {parts.path}", "query": query, "headers": headers, "body": body}
        )
        prepared = self.answers.get(f"{method} {parts.path}")
        if prepared is None:
            detail = f"nothing at {parts.path}"
            return 404, {"type": "about:blank", "title": "Not found", "detail": detail}
        status, value = prepared.pop(0) if len(prepared) > 1 else prepared[0]
        return status, value() if callable(value) else value

    def asked(self, request: str) -> list[dict[str, Any]]:
        """Return the requests of one kind, in order."""
        return [each for each in self.requests if each["request"] == request]


@pytest.fixture
def platform() -> Iterator[FakePlatform]:
    """Give a platform that listens on loopback."""
    fake = FakePlatform()
    fake.answer("GET /healthz", {"status": "ready"})

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, value = fake.take(self.command, self.path, headers, body)
            stream = isinstance(value, list)
            content = _stream(value) if stream else b"" if value is None else _json(value)
            self.send_response(status)
            self.send_header("content-type", "text/event-stream" if stream else "application/json")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_OPTIONS = _answer  # noqa: N815 - the base class's names

        def log_message(self, *_: object) -> None:
            """Stay silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    fake.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield fake
    server.shutdown()
    server.server_close()
    thread.join()


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


def _stream(entries: list[Any]) -> bytes:
    lines = [f"id: {entry['seq']}\ndata: {json.dumps(entry)}\n\n" for entry in entries]
    return ": a comment\n\n".join(["", *lines]).encode()


@pytest.fixture
def tendril(platform: FakePlatform, tmp_path: Path) -> Tendril:
    """Give the command line: its arguments, `stdin` and extra environment go in."""

    def run(
        *arguments: str, stdin: str = "", cwd: Path = tmp_path, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("TENDRIL_")}
        return subprocess.run(
            [sys.executable, "-m", "knative.cli.main", *arguments],
            input=stdin,
            cwd=cwd,
            env={**inherited, "TENDRIL_URL": platform.url, **environment},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


@pytest.fixture
def closed_url() -> str:
    """Give the URL of a port that nothing listens on."""
    return f"http://127.0.0.1:{free_port()}"
