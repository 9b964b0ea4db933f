"""Runs that the clock starts, by a user's own manifest on a real platform."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.local_platform import until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.local_platform import LocalPlatform

PINGS = """
apiVersion: sources.knative.dev/v1
kind: PingSource
metadata: {name: every-minute}
spec:
  schedule: "* * * * *"
  data: '{"n": 4}'
  sink: {ref: {apiVersion: eventing.knative.dev/v1, kind: Broker, name: default}}
"""
ON_PING = """
document: {dsl: '1.0.3', namespace: test, name: timely, version: '1.0.0'}
schedule: {on: {one: {with: {type: dev.knative.sources.ping}}}}
do:
  - a: {call: ping, with: {n: '${ .[0].data.n }'}}
"""
MINUTE = 60


@pytest.fixture
def environment(tmp_path: Path, tools: str) -> dict[str, str]:
    """A platform with the trivial tools and a PingSource of its user's."""
    (tmp_path / "pings.yaml").write_text(PINGS)
    return {"TENDRIL_TOOLS": tools, "TENDRIL_MANIFESTS": str(tmp_path / "pings.yaml")}


@pytest.mark.slow  # a schedule is no finer than a minute; tests/knative has the parts of it
async def test_a_ping_starts_a_flow(platform: LocalPlatform) -> None:
    """A user's PingSource posts to the broker, and the flow that waits for pings runs on it."""
    await platform.deploy(ON_PING)

    async def runs() -> list[Any]:
        _, found = await platform.api("GET", "/runs?flow=test/timely&status=completed")
        return list(found["runs"])

    async def completed() -> bool:
        return bool(await runs())

    await until(completed, MINUTE + 20, "a ping started a run that completed")
    (run,) = await runs()
    assert run["input"][0]["data"] == {"n": 4}
    assert run["output"] == {"n": 5}
