"""`tendril test` against a real platform: answers recorded, and a run turned into a test."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.local_platform import until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.local_platform import LocalPlatform

FLOW = """
document: {dsl: '1.0.3', namespace: test, name: both, version: '1.0.0'}
do:
  - race:
      fork:
        compete: true
        branches:
          - slow: {wait: PT1H}
          - quick:
              try:
                - first: {call: ping, with: {n: '${ .n }'}}
              catch:
                do:
                  - mend: {set: {n: -1}}
  - second: {call: pong, with: {n: '${ .n }'}}
  - tell:
      emit: {event: {with: {source: 'https://x.test/f', type: com.example.told, data: '${ . }'}}}
      output: {as: .data}
"""
ASKING = """
document: {dsl: '1.0.3', namespace: test, name: asking, version: '1.0.0'}
do:
  - both: {run: {workflow: {namespace: test, name: both, version: '1.0.0', input: {n: 1}}}}
  - approve: {listen: {to: {one: {with: {type: com.example.approved}}}}}
  - tell: {set: {by: '${ .[0].by }'}}
"""
KEY = "1234567"
SEALED = """
document: {dsl: '1.0.3', namespace: test, name: sealed, version: '1.0.0'}
use: {secrets: [key]}
do:
  - ask: {call: ping, with: {n: '${ $secrets.key | tonumber }'}}
"""
SEALING = """
document: {dsl: '1.0.3', namespace: test, name: sealing, version: '1.0.0'}
do:
  - ask: {run: {workflow: {namespace: test, name: sealed, version: '1.0.0'}}}
"""
TEST = """
flow: both.yaml
cases:
  - name: good
    input: {n: 1}
    expect: {output: {n: 3}, path: [race, slow, quick, first, second, tell]}
  - {name: bad, input: {n: many}, expect: {conditions: ['.n == 0']}}
"""


@pytest.fixture
def environment(tools: str) -> dict[str, str]:
    """The trivial tools, and a secret."""
    return {"TENDRIL_TOOLS": tools, "TENDRIL_SECRET_KEY": KEY}


async def tendril(platform: LocalPlatform, folder: Path, *arguments: str) -> Any:
    """Run the command line in a folder; return what it did."""
    return await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "knative.cli.main", *arguments],
        cwd=folder,
        env={**os.environ, **platform.environment, "TENDRIL_URL": platform.url},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


async def test_recorded_and_taken_from_runs(platform: LocalPlatform, tmp_path: Path) -> None:
    """Answers and errors are recorded from the tools; runs, good and bad, become passing tests."""
    (tmp_path / "both.yaml").write_text(FLOW)
    (tmp_path / "both.test.yaml").write_text(TEST)
    recorded = await tendril(platform, tmp_path, "test", "--record")
    assert recorded.returncode == 0, recorded.stdout + recorded.stderr
    tape = (tmp_path / "both.test.recording.yaml").read_text()
    assert "error:" in tape
    assert (await platform.api("GET", "/deadletters"))[1] == {"deadletters": []}

    await platform.deploy(FLOW)
    await platform.deploy(ASKING)
    runs = [await platform.run("test/both", {"n": n}) for n in (1, "many")]
    runs.append(await platform.run("test/asking", wait=0))
    approved = {"specversion": "1.0", "id": "a", "source": "/t", "type": "com.example.approved"}
    assert await platform.publish({**approved, "data": {"by": "Ada"}}) == 202

    async def ended() -> bool:
        _, run = await platform.api("GET", f"/runs/{runs[-1]['id']}")
        return bool(run["output"] == {"by": "Ada"})

    await until(ended, 30, "the approval was heard")
    for index, run in enumerate(runs):
        file = tmp_path / f"{index}.test.yaml"
        written = await tendril(
            platform, tmp_path, "test", "--from-run", run["id"], "-o", str(file)
        )
        assert written.returncode == 0, written.stdout + written.stderr
    platform.stop()
    played = await tendril(platform, tmp_path, "test", "--json")
    told = json.loads(played.stdout)
    assert (told["passed"], told["failed"]) == (5, 0)


async def test_a_run_that_used_a_secret_is_taken_without_it(
    platform: LocalPlatform, tmp_path: Path
) -> None:
    """What it called with a secret is recorded as the flow has it; a child uses its own secrets."""
    await platform.deploy(SEALED)
    await platform.deploy(SEALING)
    runs = [await platform.run(f"test/{name}") for name in ("sealed", "sealing")]
    assert [run["output"] for run in runs] == [{"n": 1234568}] * 2
    for run in runs:
        written = await tendril(platform, tmp_path, "test", "--from-run", run["id"])
        assert written.returncode == 0, written.stdout + written.stderr
    platform.stop()
    assert KEY not in _texts(tmp_path)
    played = await tendril(platform, tmp_path, "test", "--json")
    told = json.loads(played.stdout)
    assert (told["passed"], told["failed"]) == (2, 0)


def _texts(folder: Path) -> str:
    return "".join(file.read_text() for file in folder.glob("*.yaml"))


async def test_a_runs_tasks_are_shown(platform: LocalPlatform) -> None:
    """Each request as it was rendered, its outcome or error, closed ones too."""
    await platform.deploy(FLOW)
    run = await platform.run("test/both", {"n": "many"})
    status, shown = await platform.api("GET", f"/runs/{run['id']}/tasks")
    assert status == 200
    first, second = shown["tasks"]
    assert (first["tool"], first["state"], first["attempt"]) == ("ping", "closed", 1)
    assert first["input"] == {"n": "many"}
    assert first["outcome"]["error"]["status"] == 400
    assert second["outcome"] == {"output": {"n": 0}}
    assert (await platform.api("GET", "/runs/unknown/tasks"))[0] == 404
