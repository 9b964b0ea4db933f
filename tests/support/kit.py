"""The specification's own conformance kit: its features read, and what they assert.

`TENDRIL_SPEC` names the folder of serverlessworkflow/specification on this machine.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from events.source import read

if TYPE_CHECKING:
    from collections.abc import Iterator

SPEC: Final = os.environ.get("TENDRIL_SPEC", "")
UNNAMED: Final = "TENDRIL_SPEC does not name a folder with the specification"


@dataclass
class Scenario:
    """One scenario: its steps in order, each with its YAML argument, if any."""

    name: str
    steps: list[tuple[str, Any]] = field(default_factory=list)

    def argument(self, step: str) -> Any:
        """Return the argument of the first step that starts so."""
        return next((value for text, value in self.steps if text.startswith(step)), None)

    @property
    def definition(self) -> Any:
        """The flow."""
        return self.argument("a workflow with definition")

    @property
    def input(self) -> Any:
        """What the run begins with."""
        return self.argument("the workflow input is")


@dataclass(frozen=True)
class Ended:
    """How a run ended: its output, or its error as problem+json, and which tasks it did."""

    output: Any
    error: dict[str, Any] | None
    order: list[str]


def kit() -> list[Any]:
    """Return every scenario of the kit as a test parameter."""
    if not SPEC:
        return [pytest.param(None, marks=pytest.mark.skip(reason=UNNAMED))]
    return [
        pytest.param(scenario, id=f"{file.stem}-{scenario.name}")
        for file in sorted(Path(SPEC, "ctk", "features").glob("*.feature"))
        for scenario in _scenarios(file.read_text("utf-8"))
    ]


def judge(scenario: Scenario, ended: Ended) -> None:
    """Assert all that a scenario says of its run's end."""
    for step, argument in scenario.steps:
        _check(step, argument, ended)


def _scenarios(text: str) -> Iterator[Scenario]:
    """Read the few words of Gherkin that the kit uses."""
    for block in re.split(r"^\s*Scenario:", text, flags=re.MULTILINE)[1:]:
        name, _, body = block.partition("\n")
        scenario = Scenario(name.strip())
        pattern = r"^\s*(?:Given|When|Then|And)\s+(.*?)\s*$(?:\n\s*\"\"\"yaml\n(.*?)\"\"\")?"
        for step, argument in re.findall(pattern, body, flags=re.MULTILINE | re.DOTALL):
            value = read(argument).value if argument.strip() else None
            scenario.steps.append((step.removeprefix("given "), value))
        yield scenario


def _at(value: Any, path: str) -> Any:
    """Return what lies at a dotted path; KeyError when nothing does."""
    for name in path.split("."):
        value = value[name]
    return value


def _check(step: str, expected: Any, ended: Ended) -> None:
    """Check one assertion of a scenario; other steps are none."""
    if step.startswith("the workflow should complete"):
        assert ended.error is None, ended.error
        assert expected is None or ended.output == expected
    elif step.startswith("the workflow should fault"):
        assert ended.error is not None
        assert expected is None or ended.error == expected
    elif found := re.match(r"the workflow output should have (?:a|properties) (.*)", step):
        for path in re.findall(r"'([^']+)'", found[1]):
            value = _at(ended.output, path)
            assert expected is None or value == expected
            if count := re.search(r"containing (\d+) items", step):
                assert len(value) == int(count[1])
    elif found := re.match(r"(\w+) should run (first|last|after) ?(\w+)?", step):
        order = ended.order
        places = {"first": 0, "last": len(order) - 1}
        after = order.index(found[3]) + 1 if found[3] else None
        assert order.index(found[1]) == (places[found[2]] if after is None else after)
    else:
        assert step.startswith(("a workflow", "the workflow input", "the workflow is executed"))
