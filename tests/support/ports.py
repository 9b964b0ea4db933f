"""Ports for servers that a test starts itself."""

from __future__ import annotations

import itertools
import os
import socket

_FIRST, _EACH = 20_000, 500
"""Below what systems give outgoing connections: those must not take a port before its server."""

_worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_start = _FIRST + _worker % 20 * _EACH
_ports = itertools.cycle(range(_start, _start + _EACH))


def free_port() -> int:
    """Return a port that nobody listens on, and that no other test is given soon."""
    for port in itertools.islice(_ports, _EACH):
        with socket.socket() as probe:
            # as servers do: a closed connection that lingers does not take the port
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError(f"no free port from {_start} to {_start + _EACH}")
