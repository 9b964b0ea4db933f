"""A real gRPC server from generated code, its document over HTTP, and a context to call from."""

from __future__ import annotations

import asyncio
import importlib
import subprocess
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio
import pytest
from aiohttp import web

from tests.support.certificates import Certificate, localhost
from tests.support.serving import answering
from tests.support.surroundings import surroundings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from functions.host.context import Context

PROTO = """
syntax = "proto3";
package greet.v1;
import "google/protobuf/timestamp.proto";

message Hello { string name = 1; int64 times = 2; google.protobuf.Timestamp sent_at = 3; }
message Answer { string text = 1; int32 count = 2; repeated string more_words = 3; }

service Greeter {
  rpc SayHello (Hello) returns (Answer);
  rpc SayOften (Hello) returns (stream Answer);
  rpc SayAll (stream Hello) returns (Answer);
}
"""


@dataclass
class Greeter:
    """The server, where its document lies, and what it was sent."""

    port: int = 0
    document: str = ""
    text: str = PROTO
    seen: list[dict[str, str]] = field(default_factory=list)
    """The metadata of every call."""
    fetched: int = 0

    async def serve_document(self, _: web.Request) -> web.Response:
        """Answer with the document."""
        self.fetched += 1
        return web.Response(text=self.text)


def _generated(folder: Path) -> tuple[Any, Any]:
    """Return the modules that protoc generates for the document."""
    (folder / "greet.proto").write_text(PROTO, encoding="utf-8")
    out = [f"--python_out={folder}", f"--grpc_python_out={folder}"]
    subprocess.run(
        [sys.executable, "-m", "grpc_tools.protoc", f"-I{folder}", *out, "greet.proto"], check=True
    )
    sys.path.insert(0, str(folder))
    try:
        return importlib.import_module("greet_pb2"), importlib.import_module("greet_pb2_grpc")
    finally:
        sys.path.remove(str(folder))


@pytest.fixture(scope="session")
def generated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any]:
    """The messages and the service, generated once."""
    return _generated(tmp_path_factory.mktemp("generated"))


def _servicer(greeter: Greeter, messages: Any, services: Any) -> Any:
    class Servicer(services.GreeterServicer):  # type: ignore[misc]
        async def SayHello(self, request: Any, call: Any) -> Any:  # noqa: N802 - the service's name
            greeter.seen.append({str(k): str(v) for k, v in call.invocation_metadata()})
            if request.name in grpc.StatusCode.__members__:
                await call.abort(grpc.StatusCode[request.name], "as asked")
            if request.name == "hang":
                await asyncio.sleep(3600)
            text = "x" * request.times if request.name == "much" else f"Hello, {request.name}!"
            return messages.Answer(text=text)

        async def SayOften(self, request: Any, call: Any) -> Any:  # noqa: N802, ARG002
            for count in range(request.times):
                yield messages.Answer(text=request.name, count=count, more_words=["and"])

    return Servicer()


@pytest.fixture
async def greeter(generated: tuple[Any, Any]) -> AsyncIterator[Greeter]:
    """Serve the service and its document on loopback."""
    messages, services = generated
    made = Greeter()
    server = grpc.aio.server()
    services.add_GreeterServicer_to_server(_servicer(made, messages, services), server)
    made.port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    app = web.Application()
    app.router.add_get("/greet.proto", made.serve_document)
    async with answering(app) as url:
        made.document = f"{url}/greet.proto"
        yield made
    await server.stop(grace=0)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """A certificate of `localhost`."""
    return localhost(tmp_path_factory.mktemp("tls"))


@pytest.fixture
async def secure(generated: tuple[Any, Any], certificate: Certificate) -> AsyncIterator[Greeter]:
    """Serve the service over TLS."""
    messages, services = generated
    made = Greeter()
    server = grpc.aio.server()
    services.add_GreeterServicer_to_server(_servicer(made, messages, services), server)
    pair = certificate.key.read_bytes(), certificate.file.read_bytes()
    credentials = grpc.ssl_server_credentials([pair])
    made.port = server.add_secure_port("127.0.0.1:0", credentials)
    await server.start()
    yield made
    await server.stop(grace=0)


@pytest.fixture
async def context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Context]:
    """A task's surroundings, with loopback allowed."""
    monkeypatch.setenv("TENDRIL_EGRESS_ALLOW", "127.0.0.0/8")
    async with surroundings(tmp_path) as given:
        yield given
