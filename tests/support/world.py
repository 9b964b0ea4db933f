"""The world that flows call: servers of every protocol on loopback, which count their effects."""

from __future__ import annotations

from collections import Counter
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio
from fastapi import FastAPI, HTTPException, Response
from fastapi.responses import PlainTextResponse
from mcp.server.mcpserver import MCPServer

from tests.support.agent import Writer, application
from tests.support.ports import free_port
from tests.support.serving import serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

PROTO = """
syntax = "proto3";
package greet;
message Hello { string name = 1; }
service Greeter { rpc SayHello (Hello) returns (Hello); }
"""
FUNCTION = """
do:
  - ask:
      call: http
      with: {method: post, endpoint: 'ROOT/effect', body: {n: '${ .n }', text: ask}}
"""


@dataclass
class World:
    """Where the servers are, and how often each effect came: by the run's number and a name."""

    effects: Counter[tuple[int, str]] = field(default_factory=Counter)
    root: str = ""
    mcp: str = ""
    agent: str = ""
    grpc: int = 0

    def take(self, n: int, text: str) -> int:
        """Count an effect; return the number after its own."""
        self.effects[n, text] += 1
        return n + 1


@asynccontextmanager
async def a_world() -> AsyncIterator[World]:
    """Serve everything."""
    made = World()
    async with AsyncExitStack() as stack:
        port = free_port()
        made.agent = f"http://127.0.0.1:{port}"
        agent = application(Writer(), f"{made.agent}/", "0.3")
        await stack.enter_async_context(serving(agent, port=port))
        sums = _sums(made).streamable_http_app()
        made.mcp = await stack.enter_async_context(serving(sums, lifespan="on"))
        made.grpc = await stack.enter_async_context(_greeter(made))
        made.root = await stack.enter_async_context(serving(_web(made)))
        yield made


def _web(world: World) -> FastAPI:
    app = FastAPI(generate_unique_id_function=lambda route: route.name)

    @app.post("/effect")
    async def effect(body: dict[str, Any]) -> dict[str, int]:
        return {"n": world.take(body["n"], body["text"])}

    @app.post("/flaky")
    async def flaky(body: dict[str, Any]) -> dict[str, int]:
        world.effects[body["n"], "flaky"] += 1
        if world.effects[body["n"], "flaky"] == 1:
            raise HTTPException(409, "not the first time")
        return {"n": body["n"] + 1}

    @app.get("/greet.proto")
    async def proto() -> Response:
        return PlainTextResponse(PROTO)

    @app.get("/functions/greet/1.0.0/function.yaml")
    async def function() -> Response:
        return PlainTextResponse(FUNCTION.replace("ROOT", world.root))

    @app.get("/asyncapi.json")
    async def channel() -> dict[str, Any]:
        effects, messages = ({"$ref": f"#/channels/{name}"} for name in ("effects", "messages"))
        return {
            "asyncapi": "3.0.0",
            "servers": {"main": {"host": world.root.removeprefix("http://"), "protocol": "http"}},
            "channels": {"effects": {"address": "/effect"}, "messages": {"address": "/messages"}},
            "operations": {
                "say": {"action": "send", "channel": effects},
                "hear": {"action": "receive", "channel": messages},
            },
        }

    @app.get("/messages")
    async def messages() -> Response:
        return Response('"first"\n"second"\n', media_type="application/x-ndjson")

    return app


def _sums(world: World) -> MCPServer:
    server = MCPServer("sums")

    @server.tool()
    async def add(a: int, b: int) -> int:
        world.take(a, "mcp")
        return a + b

    return server


@asynccontextmanager
async def _greeter(world: World) -> AsyncIterator[int]:
    async def echo(request: bytes, _: Any) -> bytes:
        world.take(int(request[2:]), "grpc")  # past the field's number and its length
        return request

    server = grpc.aio.server()
    handlers: dict[str, Any] = {"SayHello": grpc.unary_unary_rpc_method_handler(echo)}
    service = grpc.method_handlers_generic_handler("greet.Greeter", handlers)
    server.add_generic_rpc_handlers((service,))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield port
    finally:
        await server.stop(grace=0)
