"""The DSL's own calls end to end: a flow on a real platform, and a real server of each protocol."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated, Any

import grpc
import grpc.aio
import pytest
from fastapi import FastAPI, Header, HTTPException
from fastapi.responses import PlainTextResponse, StreamingResponse
from mcp.server.mcpserver import MCPServer

from tests.support.agent import Writer, application
from tests.support.ports import free_port
from tests.support.serving import serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.local_platform import LocalPlatform

ROOM = "room-of-one's-own"
OPENAPI = """
document: {dsl: '1.0.3', namespace: test, name: pets, version: '1.0.0'}
do:
  - add:
      call: openapi
      with:
        document: {endpoint: 'http://127.0.0.1:{port}/openapi.json'}
        operationId: add_pet
        parameters: {name: '${ .name }'}
      output: {as: '$input + {id: .id, key: .key}'}
  - find:
      call: openapi
      with:
        document: {endpoint: {uri: '${ "http://127.0.0.1:\\(.port)/openapi.json" }'}}
        operationId: get_pet
        parameters: {pet_id: '${ .id }'}
        output: response
      output: {as: '{status: .statusCode, pet: .content, key: $input.key}'}
"""
REFUSED = """
document: {dsl: '1.0.3', namespace: test, name: careful, version: '1.0.0'}
do:
  - try:
      try:
        - find:
            call: openapi
            with:
              document: {endpoint: 'http://127.0.0.1:{port}/openapi.json'}
              operationId: get_pet
              parameters: {pet_id: 404}
      catch:
        errors:
          with: {type: 'https://serverlessworkflow.io/spec/1.0.0/errors/communication'}
        as: err
        do:
          - say: {set: {status: '${ $err.status }', detail: '${ $err.detail }'}}
"""
MCP = """
document: {dsl: '1.0.3', namespace: test, name: sums, version: '1.0.0'}
do:
  - add:
      call: mcp
      with:
        method: tools/call
        parameters: {name: add, arguments: {a: '${ .a }', b: 2}}
        transport: {http: {endpoint: 'http://127.0.0.1:{port}/mcp'}}
        timeout: {seconds: 20}
      output: {as: '{port: $input.port, sum: .structuredContent.result}'}
  - fail:
      try:
        - ask:
            call: mcp
            with:
              method: tools/call
              parameters: {name: nobody}
              transport: {http: {endpoint: 'http://127.0.0.1:{port}/mcp'}}
      catch:
        errors:
          with: {type: 'https://serverlessworkflow.io/spec/1.0.0/errors/runtime'}
        as: err
        do:
          - say: {set: '${ {sum, detail: $err.detail} }'}
"""
GRPC = """
document: {dsl: '1.0.3', namespace: test, name: greetings, version: '1.0.0'}
do:
  - greet:
      call: grpc
      with:
        proto: {endpoint: 'http://127.0.0.1:{web}/greet.proto'}
        service: {name: greet.Greeter, host: localhost, port: 0}
        method: SayHello
        arguments: {name: '${ .name }'}
      output: {as: .name}
"""
A2A = """
document: {dsl: '1.0.3', namespace: test, name: report, version: '1.0.0'}
do:
  - write:
      call: a2a
      with:
        method: message/send
        agentCard: {endpoint: 'http://127.0.0.1:{port}/.well-known/agent-card.json'}
        parameters: {message: {parts: [{kind: text, text: '${ "write " + .what }'}]}}
      output: {as: '.status.message.parts[0].text'}
"""
PROTO = """
syntax = "proto3";
package greet;
message Hello { string name = 1; }
service Greeter { rpc SayHello (Hello) returns (Hello); }
"""

ASYNCAPI = """
document: {dsl: '1.0.3', namespace: test, name: chat, version: '1.0.0'}
use: {secrets: [room]}
do:
  - greet:
      call: asyncapi
      with:
        document: {endpoint: {uri: '${ .api + "/asyncapi.json" }'}}
        operation: greet
        message: {payload: {text: '${ .text }'}}
      output: {as: $input}
      export: {as: '{name: $input.name}'}
  - hear:
      call: asyncapi
      with:
        document: {endpoint: '${ .api + "/asyncapi.json" }'}
        operation: hear
        protocol: http
        subscription:
          filter: '${ .payload.to == $context.name and .payload.room == $secrets.room }'
          consume: {until: '${ ($context.messages | length) == 2 }', for: {seconds: 20}}
      output: {as: 'map(.payload.text)'}
      export: {as: '$context + {heard: .}'}
  - echo:
      call: asyncapi
      input: {from: $workflow.input}
      with:
        document: {endpoint: '${ .api + "/asyncapi.json" }'}
        operation: hear
        subscription:
          filter: '${ .payload.room == $secrets.room }'
          consume: {amount: 3}
          foreach:
            item: message
            do:
              - pause: {wait: {milliseconds: 1}}
              - say: {set: '${ ($index | tostring) + $message.payload.to }'}
      output: {as: '{heard: $context.heard, said: .}'}
"""


def chat(port: int, room: str) -> FastAPI:
    """Return a channel with its AsyncAPI document; it gives what is sent, to many, three times."""
    app = FastAPI()
    said: list[str] = []

    @app.post("/chat")
    async def say(message: dict[str, Any]) -> None:
        said.append(message["text"])

    @app.get("/chat")
    async def hear() -> StreamingResponse:
        async def events() -> AsyncIterator[str]:
            for count, name in enumerate(["Lin", "Ada", "Lin", "Ada"]):
                message = {"text": f"{said[0]} {count}", "to": name, "room": room}
                yield f"data: {json.dumps(message)}\n\n"

        return StreamingResponse(events(), media_type="text/event-stream")

    @app.get("/asyncapi.json")
    async def document() -> dict[str, Any]:
        channel = {"channel": {"$ref": "#/channels/chat"}}
        return {
            "asyncapi": "3.0.0",
            "servers": {"main": {"host": f"127.0.0.1:{port}", "protocol": "http"}},
            "channels": {"chat": {"address": "/chat"}},
            "operations": {name: {"action": "send", **channel} for name in ("greet", "hear")},
        }

    return app


def shop() -> FastAPI:
    """Return an API that keeps pets and describes itself."""
    app = FastAPI(generate_unique_id_function=lambda route: route.name)
    pets: list[dict[str, Any]] = []

    @app.post("/pets")
    async def add_pet(
        pet: dict[str, Any], idempotency_key: Annotated[str, Header()] = ""
    ) -> dict[str, Any]:
        pets.append(pet)
        return {**pet, "id": len(pets) - 1, "key": idempotency_key}

    @app.get("/pets/{pet_id}")
    async def get_pet(pet_id: int) -> dict[str, Any]:
        if pet_id >= len(pets):
            raise HTTPException(404, "no such pet")
        return pets[pet_id]

    return app


@pytest.fixture
def environment() -> dict[str, str]:
    """The secret that a subscription's filter compares with."""
    return {"TENDRIL_SECRET_ROOM": ROOM}


@pytest.fixture
async def api() -> AsyncIterator[str]:
    """The shop's port."""
    async with serving(shop()) as url:
        yield url.rpartition(":")[2]


async def test_openapi_calls(platform: LocalPlatform, api: str) -> None:
    """Operations are found by their id, an effect carries the task's key, a refusal is caught."""
    await platform.deploy(OPENAPI)
    run = await platform.run("test/pets", {"port": api, "name": "Rex"})
    assert run["status"] == "completed", run
    assert run["output"]["pet"] == {"name": "Rex"}
    assert run["output"]["status"] == 200
    assert run["output"]["key"]
    await platform.deploy(REFUSED)
    caught = await platform.run("test/careful", {"port": api})
    assert caught["status"] == "completed", caught
    assert caught["output"]["status"] == 404
    assert "no such pet" in caught["output"]["detail"]


async def test_asyncapi_calls(platform: LocalPlatform) -> None:
    """A message is published; those that count are consumed until there are enough."""
    port = free_port()
    await platform.deploy(ASYNCAPI)
    async with serving(chat(port, ROOM), port=port) as url:
        run = await platform.run("test/chat", {"api": url, "text": "hi", "name": "Ada"})
    expected = {"heard": ["hi 1", "hi 3"], "said": ["0Lin", "1Ada", "2Lin"]}
    assert (run["status"], run.get("output")) == ("completed", expected), run


async def test_mcp_calls(platform: LocalPlatform) -> None:
    """A tool of an MCP server is called over HTTP; what the server refuses is caught."""
    server = MCPServer("sums")

    @server.tool()
    async def add(a: int, b: int) -> int:
        return a + b

    await platform.deploy(MCP)
    async with serving(server.streamable_http_app(), lifespan="on") as url:
        port = url.rpartition(":")[2]
        run = await platform.run("test/sums", {"port": port, "a": 1})
    assert run["status"] == "completed", run
    assert run["output"]["sum"] == 3
    assert "nobody" in run["output"]["detail"]


async def test_grpc_calls(platform: LocalPlatform) -> None:
    """A method of a gRPC service is called by the document that an HTTP server has."""
    app = FastAPI()
    app.get("/greet.proto")(lambda: PlainTextResponse(PROTO))
    async with echoing() as port, serving(app) as url:
        await platform.deploy(GRPC.replace("port: 0", f"port: {port}"))
        value = {"web": url.rpartition(":")[2], "name": "Ada"}
        run = await platform.run("test/greetings", value)
    assert (run["status"], run.get("output")) == ("completed", "Ada"), run


async def test_a2a_calls(platform: LocalPlatform) -> None:
    """An agent is found by its card and told what the flow has for it."""
    port = free_port()
    app = application(Writer(), f"http://127.0.0.1:{port}/", "0.3")
    await platform.deploy(A2A)
    async with serving(app, port=port):
        run = await platform.run("test/report", {"port": port, "what": "it"})
    assert (run["status"], run.get("output")) == ("completed", "done: write it"), run


@asynccontextmanager
async def echoing() -> AsyncIterator[int]:
    """Serve `greet.Greeter` on loopback; yield its port."""
    handlers: dict[str, Any] = {"SayHello": grpc.unary_unary_rpc_method_handler(_echo)}
    server = grpc.aio.server()
    service = grpc.method_handlers_generic_handler("greet.Greeter", handlers)
    server.add_generic_rpc_handlers((service,))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield port
    finally:
        await server.stop(grace=0)


async def _echo(request: bytes, _: Any) -> bytes:
    return request


async def test_what_a_call_cannot_do_yet_is_told_at_the_door(platform: LocalPlatform) -> None:
    """Deploying names the part of a built-in call that cannot be run, with its place."""
    stomp = ASYNCAPI.replace("protocol: http", "protocol: stomp")
    status, answer = await platform.api("POST", "/flows", data=stomp.encode())
    assert status == 400
    (message,) = [error["message"] for error in answer["errors"]]
    assert "'with.protocol' of task 'hear': \"stomp\" is not one of" in message
