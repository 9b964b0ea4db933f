"""The hosts that the specification's flows call, all of them as paths of one local server.

`here` rewrites a flow's text: every address that it calls (what stands after `endpoint`, `uri`,
`authority`, `call`) begins with the server's, so that the platform needs no setting of its own.
Sources of events and types of errors stay as they are.
"""

from __future__ import annotations

import json
import re
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import grpc
import grpc.aio
from aiohttp import web

from tests.support.ports import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

_CALLED: Final = re.compile(r"(?m)^(\s*(?:- )?(?:endpoint|uri|authority|call): .*?)https?://")
_PROTO: Final = """
syntax = "proto3";
package GreeterApi;
message Hello { string name = 1; }
service Greeter { rpc SayHello (Hello) returns (Hello); }
"""
_LOG: Final = """
input:
  schema: {format: json, document: {type: object, required: [message]}}
set: {logged: '${ "\\(.level): \\(.message)" }'}
"""
_NAMES: Final = {1: "Rex", 2: "Tom"}
_PETSTORE: Final = "petstore.swagger.io/v2"


@dataclass
class Internet:
    """The running server, and what it was asked: method, host with path, and body."""

    port: int = field(default_factory=free_port)
    greeter: int = 0
    asked: list[tuple[str, str, Any]] = field(default_factory=list)
    failing: dict[str, list[int]] = field(default_factory=dict)
    """Statuses that an address answers with before it does what it should."""

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"

    def here(self, text: str) -> str:
        """Return a flow's text with the addresses that it calls on this server."""
        text = text.replace("file://app/", "https://app/").replace(
            "port: 5011", f"port: {self.greeter}"
        )
        return _CALLED.sub(rf"\g<1>{self.url}/", text)

    def times(self, method: str, address: str) -> int:
        """Return how often an address was asked."""
        return sum(each[:2] == (method, address) for each in self.asked)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Be the host that the path begins with."""
        address = request.path.lstrip("/")
        body = await request.text()
        self.asked.append((request.method, address, json.loads(body) if body else None))
        if statuses := self.failing.get(address):
            return web.Response(status=statuses.pop(0))
        if "Upgrade" in request.headers:
            return await _chatting(request)
        hosts: dict[str, Callable[[web.Request, str], web.Response]] = {
            f"{_PETSTORE}/": self._pets,
            "fake.com/docs/": self._channels,
            "fake.com/notifications": _notifications,
            "swapi.dev/api/people/1": self._luke,
            "swapi.dev/": _tatooine,
            "app/greet.proto": lambda *_: web.Response(text=_PROTO),
            "raw.githubusercontent.com/": lambda *_: web.Response(text=_LOG),
            "httpbin.org/basic-auth/": _authenticated,
        }
        for host, give in hosts.items():
            if address.startswith(host):
                return give(request, address.removeprefix(host))
        return web.json_response({"host": address.partition("/")[0]})

    def _pets(self, request: web.Request, path: str) -> web.Response:
        if path == "swagger.json":
            return web.json_response(self._swagger())
        if path == "pet/findByStatus":
            return web.json_response([_pet(1) | {"status": request.query["status"]}])
        name = path.removeprefix("pet/")
        if not name.isdigit() or int(name) == 404:
            return web.json_response({"message": "no such pet"}, status=404)
        return web.json_response(_pet(int(name)))

    def _swagger(self) -> dict[str, Any]:
        def get(operation: str, place: str, name: str, kind: str) -> dict[str, Any]:
            parameter = {"name": name, "in": place, "required": True, "type": kind}
            answers = {"200": {"description": "found"}}
            return {
                "get": {"operationId": operation, "parameters": [parameter], "responses": answers}
            }

        return {
            "swagger": "2.0",
            "info": {"title": "Pets", "version": "1"},
            "host": f"127.0.0.1:{self.port}",
            "basePath": f"/{_PETSTORE}",
            "schemes": ["http"],
            "paths": {
                "/pet/findByStatus": get("findPetsByStatus", "query", "status", "string"),
                "/pet/{petId}": get("getPetById", "path", "petId", "integer"),
            },
        }

    def _luke(self, *_: Any) -> web.Response:
        homeworld = f"{self.url}/swapi.dev/api/planets/1"
        return web.json_response({"name": "Luke", "homeworld": homeworld})

    def _channels(self, _: web.Request, document: str) -> web.Response:
        return web.json_response(self._described(old="2" in document))

    def _described(self, *, old: bool) -> dict[str, Any]:
        host = f"127.0.0.1:{self.port}"
        if old:
            return {
                "asyncapi": "2.6.0",
                "servers": {"main": {"url": f"http://{host}/fake.com", "protocol": "http"}},
                "channels": {"/notifications": {"publish": {}, "subscribe": {}}},
            }
        server = {"host": host, "pathname": "/fake.com"}
        reference = {"channel": {"$ref": "#/channels/notifications"}, "action": "send"}
        return {
            "asyncapi": "3.0.0",
            "servers": {
                "staging": {**server, "protocol": "http"},
                "socket": {**server, "protocol": "ws"},
            },
            "channels": {"notifications": {"address": "/notifications"}},
            "operations": {"findPetsByStatus": reference, "getNotifications": reference},
        }


def _tatooine(request: web.Request, _: str) -> web.Response:
    return web.json_response({"name": "Tatooine", "search": request.query.get("search")})


def _notifications(request: web.Request, _: str) -> web.Response:
    if request.method == "POST":
        return web.Response()
    lines = "".join(f"data: {json.dumps({'n': n})}\n\n" for n in range(7))
    return web.Response(text=lines, content_type="text/event-stream")


def _authenticated(request: web.Request, _: str) -> web.Response:
    known = request.headers.get("Authorization", "").startswith("Basic ")
    return web.json_response({"authenticated": known}, status=200 if known else 401)


async def _chatting(request: web.Request) -> web.WebSocketResponse:
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    for n in range(7):
        await socket.send_json({"n": n})
    async for _ in socket:
        pass
    return socket


def _pet(number: int) -> dict[str, Any]:
    return {"id": number, "name": _NAMES.get(number, "Kim"), "status": "available"}


async def _same(request: bytes, _: Any) -> bytes:
    return request


@asynccontextmanager
async def internet() -> AsyncIterator[Internet]:
    """Serve all hosts on loopback, and `GreeterApi.Greeter` over gRPC."""
    made = Internet()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", made.answer)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", made.port).start()
    greeter = grpc.aio.server()
    handlers: dict[str, Any] = {"SayHello": grpc.unary_unary_rpc_method_handler(_same)}
    greeter.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("GreeterApi.Greeter", handlers),)
    )
    made.greeter = greeter.add_insecure_port("127.0.0.1:0")
    await greeter.start()
    try:
        yield made
    finally:
        await greeter.stop(grace=0)
        await runner.cleanup()
