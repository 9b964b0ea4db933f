"""The language by example: every scenario holds, played by the runner of `tendril test`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from knative.cli.testing.files import load
from knative.cli.testing.player import player
from tests.scenarios.coverage import NOT_USED, TABLE, properties, table, used
from tests.scenarios.scenario import Scenario, scenarios

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from knative.cli.testing.player import Player

SCENARIOS = scenarios()


@pytest.fixture(scope="module")
def play() -> Iterator[Player]:
    """The runner of `tendril test`, with recordings alone."""
    with player(record=False, timeout=1) as playing:
        yield playing


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda each: f"{each.name} {each.claim}")
def test_the_claim_holds(scenario: Scenario, play: Player, tmp_path: Path) -> None:
    """Every case of the scenario is as expected."""
    suite = load(scenario.write(tmp_path))
    for verdict in play(suite, suite.script.cases):
        told = [f"{each.what}: {line}" for each in verdict.failures for line in each.lines]
        if verdict.missing:
            told.append(f"no answer to {verdict.missing.asked}")
        assert not told, (scenario.claim, verdict.case.name, told)


def test_every_property_is_used() -> None:
    """Each property of the language is in a scenario, or there is a reason why it is in none."""
    unused = set(properties()) - used().keys()
    assert unused == NOT_USED.keys()
    assert len(SCENARIOS) >= 120
    assert len({each.claim for each in SCENARIOS}) == len(SCENARIOS)


def test_the_flows_can_be_on_one_platform() -> None:
    """No version of a flow has two contents: all scenarios can be deployed beside each other."""
    known: dict[tuple[str, ...], dict[str, Any]] = {}
    for scenario in SCENARIOS:
        for flow in (*scenario.flows, scenario.flow):
            head = flow["document"]
            named = (head["namespace"], head["name"], head["version"])
            assert known.setdefault(named, flow) == flow, named


def test_the_table_is_true() -> None:
    """The README's table is the one that `python -m tests.scenarios.coverage` writes."""
    assert TABLE.read_text("utf-8") == table()
