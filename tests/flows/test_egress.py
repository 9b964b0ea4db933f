"""What a served tool may reach where an operator has allowed nothing, on a real platform."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.local_platform import LocalPlatform

TOOLS = Path(__file__).parent / "tools"
CALL = """
document: {dsl: '1.0.3', namespace: test, name: call, version: '1.0.0'}
do:
  - out: {call: http, with: {method: get, endpoint: '${ .url }'}}
"""
EFFECT = """
document: {dsl: '1.0.3', namespace: test, name: effect, version: '1.0.0'}
do:
  - out: {call: effect, with: {url: '${ .url }', n: 1}}
"""
READ = """
document: {dsl: '1.0.3', namespace: test, name: read, version: '1.0.0'}
do:
  - out: {call: text-collection, with: {operation: ingest, document: {id: a, url: '${ .url }'}}}
"""


@dataclass
class Server:
    """Counts the connections that it gets."""

    port: int = 0
    connections: int = 0


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    """A server on loopback that nobody shall reach."""
    made = Server()

    async def take(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        made.connections += 1
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
        writer.close()

    listening = await asyncio.start_server(take, "127.0.0.1", 0)
    made.port = listening.sockets[0].getsockname()[1]
    async with listening:
        yield made


@pytest.fixture
def environment() -> dict[str, str]:
    """The platform as it comes: no address is allowed beside public ones."""
    return {"TENDRIL_TOOLS": str(TOOLS), "TENDRIL_EGRESS_ALLOW": ""}


async def test_no_tool_reaches_loopback_unless_it_is_allowed(
    platform: LocalPlatform, server: Server
) -> None:
    """By address or by name, our tools' and a user's own calls fault their task unsent."""
    for flow, name in ((CALL, "call"), (EFFECT, "effect"), (READ, "read")):
        await platform.deploy(flow)
        for host in ("127.0.0.1", "localhost"):
            url = f"http://{host}:{server.port}/"
            run = await platform.run(f"test/{name}", {"url": url})
            assert run["status"] == "faulted", run
            error = run["error"]
            assert (error["status"], error["instance"]) == (403, "/do/0/out")
            assert error["type"].endswith("/authorization")
            assert "TENDRIL_EGRESS_ALLOW" in error["detail"]
    assert server.connections == 0
