"""The platform's socket, and the HTTP server on it."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from typing import TYPE_CHECKING, Final

import uvicorn

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from starlette.types import ASGIApp

BACKLOG: Final = 2048
KEEP_ALIVE: Final = 75
"""Seconds an idle connection is kept: longer than clients do, so that they close first."""
CLOSING: Final = 5


class PortInUse(Exception):  # noqa: N818 - read as a sentence
    """The platform cannot listen where it should."""


@contextlib.contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """Listen on an address; raises PortInUse, which says what to do."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError as error:
            raise PortInUse(_reason(host, port, error)) from error
        listener.listen(BACKLOG)
        yield listener


def url_of(listener: socket.socket) -> str:
    """Return the URL by which this machine reaches a socket."""
    host, port = listener.getsockname()[:2]
    if host in {"0.0.0.0", "::"}:  # noqa: S104 - compared, not bound
        host = "127.0.0.1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class Server(uvicorn.Server):
    """Uvicorn inside a running loop, with the signals left to the runtime."""

    def __init__(self, app: ASGIApp, listener: socket.socket) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http="httptools",
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_keep_alive=KEEP_ALIVE,
                timeout_graceful_shutdown=CLOSING,
            )
        )
        self._listener = listener

    def start(self) -> None:
        """Serve from now on, in the background."""
        self._serving = asyncio.create_task(self.serve(sockets=[self._listener]), name="gateway")

    async def stop(self) -> None:
        """Close every connection once its request is answered."""
        self.should_exit = True
        await self._serving

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Leave signals alone."""
        yield


def _reason(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"port {port} of {host} is in use; stop what listens there, "
            "or choose another with --port (0 takes a free one)"
        )
    return f"cannot listen on {host}, port {port}: {error.strerror or error}; correct --host"
