"""Values too large for an event, on a real platform: they go round the broker."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from events.envelope import Event, parse
from tests.support.local_platform import until
from tests.support.ports import free_port
from tests.support.serving import answering

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from tests.support.local_platform import LocalPlatform

LARGE = """
document: {dsl: '1.0.3', namespace: test, name: large, version: '1.0.0'}
do:
  - big: {set: {text: '${ "x" * .size }'}}
  - told:
      call: http
      with: {method: post, endpoint: '%s', body: {text: '${ .text }'}}
      output: {as: '${ {text: $input.text, told: .size} }'}
  - tell:
      emit:
        event:
          with:
            source: https://shop.example
            type: com.example.large
            data: {text: '${ .text }', told: '${ .told }'}
      output: {as: '${ {size: (.data.text | length), told: .data.told} }'}
"""
HEARS = """
document: {dsl: '1.0.3', namespace: test, name: hears, version: '1.0.0'}
schedule: {on: {one: {with: {type: com.example.large}}}}
do:
  - heard: {set: '${ {size: (.[0].data.text | length), told: .[0].data.told} }'}
"""
LISTENS = """
apiVersion: eventing.knative.dev/v1
kind: Trigger
metadata: {name: listens}
spec: {broker: default, subscriber: {uri: '%s'}}
"""
SIZE = 200_000
REQUESTED = "dev.tendril.task.requested.v1"


@dataclass
class Outside:
    """A server that a flow calls, and one that hears every event of the broker."""

    url: str = ""
    heard: list[Event] = field(default_factory=list)

    async def count(self, request: web.Request) -> web.Response:
        return web.json_response({"size": len((await request.json())["text"])})

    async def hear(self, request: web.Request) -> web.Response:
        self.heard.append(parse(list(request.headers.items()), await request.read()))
        return web.Response(status=202)


@pytest.fixture
async def outside() -> AsyncIterator[Outside]:
    """Both on loopback."""
    made = Outside()
    app = web.Application(client_max_size=10**7)
    app.router.add_post("/count", made.count)
    app.router.add_post("/hear", made.hear)
    async with answering(app) as made.url:
        yield made


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """A real S3 server process with a bucket; returns the object store's URL."""
    import boto3  # only these tests need it

    port = free_port()
    endpoint = f"http://127.0.0.1:{port}"
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    client = boto3.client(
        "s3", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="test",
        aws_secret_access_key="test",
    )  # fmt: skip
    wait_for(port)
    client.create_bucket(Bucket="tendril")
    yield f"s3://tendril/values?endpoint={endpoint}&region=us-east-1"
    server.terminate()
    server.wait()


def wait_for(port: int) -> None:
    import socket
    import time

    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
    pytest.fail("the S3 server did not start")


@pytest.fixture
def environment(tmp_path: Path, outside: Outside, request: pytest.FixtureRequest) -> dict[str, str]:
    """A platform with a user's Trigger that hears all, over a folder of objects or S3."""
    (tmp_path / "listens.yaml").write_text(LISTENS % f"{outside.url}/hear")
    settings = {"TENDRIL_MANIFESTS": str(tmp_path / "listens.yaml")}
    if request.param == "s3":
        settings |= {
            "TENDRIL_OBJECTS": request.getfixturevalue("s3"),
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
        }
    return settings


@pytest.mark.parametrize("environment", ["folder", "s3"], indirect=True)
async def test_large_values_go_round_the_broker(platform: LocalPlatform, outside: Outside) -> None:
    """A large input, state and emitted event pass by reference; no event carries their data."""
    await platform.deploy(HEARS)
    await platform.deploy(LARGE % f"{outside.url}/count")
    run = await platform.run("test/large", {"size": SIZE})
    assert run["output"] == {"size": SIZE, "told": SIZE}, run["error"]
    found: list[dict[str, Any]] = []

    async def completed() -> bool:
        _, answer = await platform.api("GET", "/runs?flow=test/hears&status=completed")
        found[:] = answer["runs"]
        return bool(found)

    await until(completed, 20, "the emitted event started a run")
    assert found[0]["output"] == {"size": SIZE, "told": SIZE}

    async def heard() -> bool:
        return {event.type for event in outside.heard} >= {REQUESTED, "com.example.large"}

    await until(heard, 20, "the broker delivered every event to who hears all")
    for event in outside.heard:
        if event.type in {REQUESTED, "com.example.large"}:
            room = "runs" if event.type == REQUESTED else "events"
            assert str(event.get("dataref")).startswith(f"{room}/{run['id']}/")
            assert not event.data
