"""A platform over HTTP, blocking: JSON requests, and the live events of a run.

Goes straight to the address that it is given: proxies from the environment are for the world
outside, and a platform is mostly on loopback.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode, urlsplit

from knative.cli.exits import CommandError, Exit, Unreachable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

FLOW = "/services/flow"


@dataclass(frozen=True, slots=True)
class Reply:
    """One HTTP answer; `headers` have lower-case names."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the body as a JSON value; None where it is empty."""
        return json.loads(self.body) if self.body.strip() else None


class Refused(CommandError):  # noqa: N818 - it reads as what happened
    """The platform answered 4xx or 5xx: `problem` is its problem+json, or the nearest to one."""

    def __init__(self, reply: Reply, path: str) -> None:
        problem = _problem(reply, path)
        code = Exit.USAGE if reply.status < 500 else Exit.FAILURE  # noqa: PLR2004 - HTTP's classes
        super().__init__(code, str(problem.get("detail") or problem.get("title")), problem)
        self.status = reply.status


def _problem(reply: Reply, path: str) -> dict[str, Any]:
    try:
        value = json.loads(reply.body)
    except ValueError:
        value = None
    if isinstance(value, dict) and ("title" in value or "detail" in value):
        return value
    text = reply.body[:500].decode("utf-8", "replace").strip()
    detail = f"{path} answered {reply.status}" + (f": {text}" if text else "")
    return {"type": "about:blank", "title": "Refused", "status": reply.status, "detail": detail}


@dataclass(frozen=True, slots=True)
class Platform:
    """The platform at `url`; `timeout` in seconds bounds each request."""

    url: str
    timeout: float = 30.0
    headers: Mapping[str, str] = field(default_factory=dict)

    def get(self, path: str, **query: object) -> Any:
        """Return the JSON value at `path`; query members that are None are left out."""
        return self.send("GET", with_query(path, query)).json()

    def post(
        self,
        path: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> Reply:
        """Return the answer to a POST; JSON unless `headers` say otherwise."""
        return self.send("POST", path, body, headers or {}, timeout)

    def send(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> Reply:
        """Return a 1xx-3xx answer; raise Refused on others and Unreachable on none at all."""
        reply = self.ask(method, path, body, headers, timeout)
        if reply.status >= 400:  # noqa: PLR2004 - HTTP's error classes begin here
            raise Refused(reply, path)
        return reply

    def ask(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> Reply:
        """Return the answer whatever its status; raise Unreachable where none comes."""
        with self._exchange(method, path, body, headers or {}, timeout) as response:
            return Reply(response.status, _lower(response), response.read())

    def events(
        self, path: str, timeout: float | None = None, last: int | None = None
    ) -> Iterator[dict[str, Any]]:
        """Yield each server-sent event's JSON data until the server ends the stream.

        `last` is the id of the newest event already seen: the stream begins after it.
        """
        accept = {"accept": "text/event-stream"}
        if last is not None:
            accept["last-event-id"] = str(last)
        with self._exchange("GET", path, b"", accept, timeout) as response:
            if response.status != 200:  # noqa: PLR2004 - OK
                raise Refused(Reply(response.status, _lower(response), response.read()), path)
            yield from _server_sent(response)

    @contextmanager
    def _exchange(
        self,
        method: str,
        path: str,
        body: bytes,
        headers: Mapping[str, str],
        timeout: float | None,
    ) -> Iterator[HTTPResponse]:
        connection, base = _connect(self.url, timeout or self.timeout)
        sent = {"content-type": "application/json", **self.headers, **headers}
        try:
            connection.request(method, base + path, body or None, sent)
            yield connection.getresponse()
        except (OSError, HTTPException) as error:
            raise Unreachable(self.url, str(error) or type(error).__name__) from error
        finally:
            connection.close()


def with_query(path: str, query: Mapping[str, object]) -> str:
    """Return `path` with the members of `query` that are not None."""
    given = {name: value for name, value in query.items() if value is not None}
    return f"{path}?{urlencode(given)}" if given else path


def segment(text: str) -> str:
    """Return `text` as one safe segment of a URL path."""
    return quote(text, safe="")


def _connect(url: str, timeout: float) -> tuple[HTTPConnection, str]:
    parts = urlsplit(url if "//" in url else f"http://{url}")
    try:
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise Unreachable(url, str(error)) from error
    if not host or parts.scheme not in {"http", "https"}:
        raise Unreachable(url, "not an http(s) URL")
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    return kind(host, port, timeout=timeout), parts.path.rstrip("/")


def _lower(response: HTTPResponse) -> dict[str, str]:
    return {name.lower(): value for name, value in response.getheaders()}


def _server_sent(response: HTTPResponse) -> Iterator[dict[str, Any]]:
    data: list[str] = []
    for raw in response:
        line = raw.decode("utf-8").rstrip("\r\n")
        if line.startswith("data:"):
            data.append(line[5:].removeprefix(" "))
        elif not line and data:
            yield json.loads("\n".join(data))
            data.clear()
