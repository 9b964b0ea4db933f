"""What cannot be done ends visibly: nothing waits for ever, nothing is lost in silence."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.local_platform import until
from tests.support.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.local_platform import LocalPlatform

ONE = """
document: {dsl: '1.0.3', namespace: test, name: one, version: '1.0.0'}
do:
  - a: {call: ping, with: {n: '${ .n }'}}
"""
ENDLESS = """
document: {dsl: '1.0.3', namespace: test, name: endless, version: '1.0.0'}
do:
  - turn: {set: '${ [limit(1; repeat(1) | select(false))] }'}
"""
LARGE = """
document: {dsl: '1.0.3', namespace: test, name: large, version: '1.0.0'}
do:
  - big: {set: {text: '${ "x" * .size }', n: 1}}
  - a:
      call: ping
      with: {n: '${ .n }'}
      output: {as: '${ {size: ($input.text | length), n} }'}
"""


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
def environment(tools: str, request: pytest.FixtureRequest) -> dict[str, str]:
    """The trivial tools and a clock in a hurry; a test adds its own settings by marker."""
    settings = {
        "TENDRIL_TOOLS": tools,
        "TENDRIL_REQUEST_GRACE": "0.3",
        "TENDRIL_REQUEST_LIMIT": "3",
        "TENDRIL_SWEEP_INTERVAL": "0.2",
    }
    extra = getattr(request, "param", {})
    if extra == "s3":
        extra = {
            "TENDRIL_OBJECTS": request.getfixturevalue("s3"),
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
        }
    return settings | extra


@pytest.mark.parametrize("environment", [{"TENDRIL_WITHOUT": "inference,ping"}], indirect=True)
async def test_a_task_without_its_tool_is_a_dead_letter(platform: LocalPlatform) -> None:
    """A tool that is not there faults the task after a bounded time, and names it."""
    await platform.deploy(ONE)
    run = await platform.run("test/one", {"n": 1}, wait=60)
    assert run["status"] == "faulted", run
    assert "ping" in run["error"]["detail"]

    async def listed() -> bool:
        _, answer = await platform.api("GET", "/deadletters?status=open")
        return any(letter["run"] == run["id"] for letter in answer["deadletters"])

    await until(listed, 10, "the run is among the dead letters")


async def test_an_endless_expression_faults_its_task_alone(platform: LocalPlatform) -> None:
    """An endless jq program ends in an expression error, and other runs go on meanwhile."""
    await platform.deploy(ENDLESS)
    await platform.deploy(ONE)
    endless = await platform.run("test/endless", {}, wait=0)
    assert (await platform.run("test/one", {"n": 1}))["output"] == {"n": 2}

    async def faulted() -> bool:
        _, run = await platform.api("GET", f"/runs/{endless['id']}")
        return bool(run["status"] == "faulted")

    await until(faulted, 30, "the endless run faulted")
    _, run = await platform.api("GET", f"/runs/{endless['id']}")
    assert run["error"]["type"].endswith("/expression")
    assert "longer than" in run["error"]["detail"]


@pytest.mark.parametrize("environment", [{}, "s3"], indirect=True, ids=["folder", "s3"])
async def test_large_values_go_round_the_broker(platform: LocalPlatform) -> None:
    """Half a megabyte passes from task to task by reference, over a folder or S3."""
    await platform.deploy(LARGE)
    run = await platform.run("test/large", {"size": 500_000})
    assert run["output"] == {"size": 500_000, "n": 2}, run["error"]
