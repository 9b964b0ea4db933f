"""Our scenarios on a real platform: what holds in a rehearsal holds over HTTP."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

import jq
import pytest
import yaml

from events.flow.rehearsal.differences import differences
from knative.cli.testing.files import load
from knative.cli.testing.player import player
from tests.scenarios.scenario import Scenario, scenarios

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from events.flow.rehearsal.script import Case
    from tests.support.local_platform import LocalPlatform

BRIEF: Final = timedelta(seconds=3)
OWN: Final = frozenset({"answers", "events", "run", "started"})
"""What a case gives that a platform has of its own."""
AT_ONCE: Final = 8


def playable(folder: Path) -> Iterator[tuple[Scenario, Case]]:
    """Yield the cases that need nothing but their input, and little time."""
    with player(record=False, timeout=1) as play:
        for scenario in scenarios():
            suite = load(scenario.write(folder))
            for verdict in play(suite, suite.script.cases):
                brief = verdict.stage.now - verdict.stage.began <= BRIEF
                own = OWN & verdict.case.model_fields_set or scenario.recording
                if brief and not own:
                    yield scenario, verdict.case


def differing(case: Case, run: dict[str, Any], started: list[str]) -> Iterator[str]:
    """Yield what of a run's end is not as its case expects."""
    expect, said = case.expect, case.expect.model_fields_set
    if expect.error is not None:
        found = run["error"] or {}
        yield from (
            d.in_words() for d in differences(expect.error.definition(), found, partly=True)
        )
        return
    if run["status"] != "completed":
        yield f"it is {run['status']}: {run['error']}"
    if "output" in said and run["output"] != expect.output:
        yield f"expected {expect.output}, found {run['output']}"
    for condition in expect.conditions or ():
        if not jq.compile(condition).input_value(run["output"]).first():
            yield f"does not hold: {condition}"
    if expect.path is not None and sorted(started) != sorted(expect.path):
        yield f"expected the tasks {expect.path}, found {started}"


@pytest.mark.slow
async def test_scenarios_hold_over_http(platform: LocalPlatform, tmp_path: Path) -> None:
    """Deployed and run, they have the output, the error and the tasks of their rehearsal.

    Those are left out that need answers, events or more than a few seconds.
    """
    cases = list(playable(tmp_path))
    turn = asyncio.Semaphore(AT_ONCE)
    for scenario in {each.name: each for each, _ in cases}.values():
        for flow in (*scenario.flows, scenario.flow):
            await platform.deploy(yaml.safe_dump(flow, sort_keys=False))

    async def wrong(scenario: Scenario, case: Case) -> list[str]:
        async with turn:
            run = await platform.run(f"scenarios/{scenario.name}", case.input, wait=60)
            _, told = await platform.api("GET", f"/runs/{run['id']}/history")
        started = [each["task"] for each in told["history"] if each["kind"] == "task.started"]
        names = [each.rpartition("/")[2] for each in started]
        where = f"{scenario.claim} ({case.name})"
        return [f"{where}: {each}" for each in differing(case, run, names)]

    found = await asyncio.gather(*(wrong(*each) for each in cases))
    assert list(chain.from_iterable(found)) == []
    assert len(cases) >= 90
