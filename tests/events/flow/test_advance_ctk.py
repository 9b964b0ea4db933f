"""The specification's own conformance kit, where it lies on this machine.

`TENDRIL_SPEC` names the folder of serverlessworkflow/specification; without it these tests are
skipped (their cases are told again in our own words in `test_advance_tasks.py`).
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from events.errors import ErrorType, Problem
from events.flow.steps import ScopeCompleted, ScopeFaulted
from events.flow.syntax import Flow
from events.source import read

if TYPE_CHECKING:
    from collections.abc import Iterator

    from events.flow.steps import TaskRequest

PET = {"id": 1, "name": "Rex", "status": "available"}
PETS = "https://petstore.swagger.io/v2/pet"
NOT_FOUND = Problem(ErrorType.COMMUNICATION, 404, "Not Found", "no such pet")
"""What this version does not run, by a word of the definition."""


@dataclass
class Scenario:
    """One scenario: its steps in order, each with its YAML argument, if any."""

    name: str
    steps: list[tuple[str, Any]] = field(default_factory=list)

    def argument(self, step: str) -> Any:
        """Return the argument of the first step that starts so."""
        return next((value for text, value in self.steps if text.startswith(step)), None)


def scenarios(text: str) -> Iterator[Scenario]:
    """Read the few words of Gherkin that the kit uses."""
    for block in re.split(r"^\s*Scenario:", text, flags=re.MULTILINE)[1:]:
        name, _, body = block.partition("\n")
        scenario = Scenario(name.strip())
        pattern = r"^\s*(?:Given|When|Then|And)\s+(.*?)\s*$(?:\n\s*\"\"\"yaml\n(.*?)\"\"\")?"
        for step, argument in re.findall(pattern, body, flags=re.MULTILINE | re.DOTALL):
            value = read(argument).value if argument.strip() else None
            scenario.steps.append((step.removeprefix("given "), value))
        yield scenario


def kit() -> list[Any]:
    """Return every scenario of the kit as a test parameter."""
    folder = os.environ.get("TENDRIL_SPEC")
    if not folder:
        reason = "TENDRIL_SPEC does not name a folder with the specification"
        return [pytest.param(None, marks=pytest.mark.skip(reason=reason))]
    return [
        pytest.param(scenario, id=f"{file.stem}-{scenario.name}")
        for file in sorted(Path(folder, "ctk", "features").glob("*.feature"))
        for scenario in scenarios(file.read_text("utf-8"))
    ]


def answer(request: TaskRequest) -> Any:
    """Be the servers that the kit's flows call."""
    output = request.input.get("output", "content")
    if request.function == "openapi":
        assert request.input["document"]["endpoint"]["uri"].endswith("/v2/swagger.json")
        operations = {"findPetsByStatus": f"{PETS}/findByStatus?status=available"}
        uri = operations.get(request.input["operationId"], f"{PETS}/1")
    else:
        assert request.function == "http"
        uri = request.input["endpoint"]["uri"]
    answers = {
        f"{PETS}/findByStatus?status=available": [PET],
        f"{PETS}/1": PET,
        f"{PETS}/2": {**PET, "id": 2},
        "https://httpbin.org/basic-auth/serverless-workflow/conformance-test": {"ok": True},
    }
    content = answers.get(uri)
    if content is None:
        return NOT_FOUND
    sent = {"method": "get", "uri": uri, "headers": {}}
    response = {"request": sent, "headers": {}, "statusCode": 200, "content": content}
    return response if output == "response" else content


def at(value: Any, path: str) -> Any:
    """Return what lies at a dotted path; KeyError when nothing does."""
    for name in path.split("."):
        value = value[name]
    return value


@pytest.mark.parametrize("scenario", kit())
def test_scenario(scenario: Scenario, interpreter: Any) -> None:
    """The run ends as the scenario says."""
    definition = scenario.argument("a workflow with definition")
    flow = Flow.model_validate(definition)
    data = scenario.argument("the workflow input is")
    status = interpreter.status(flow, data, answer)
    order = interpreter.order()
    for step, argument in scenario.steps:
        check(step, argument, status, order)


def check(step: str, expected: Any, status: Any, order: list[str]) -> None:
    """Check one assertion of a scenario; other steps are none."""
    output = getattr(status, "output", None)
    if step.startswith("the workflow should complete"):
        assert isinstance(status, ScopeCompleted), status
        assert expected is None or output == expected
    elif step.startswith("the workflow should fault"):
        assert isinstance(status, ScopeFaulted)
        assert expected is None or status.problem.to_json() == expected
    elif found := re.match(r"the workflow output should have (?:a|properties) (.*)", step):
        for path in re.findall(r"'([^']+)'", found[1]):
            value = at(output, path)
            assert expected is None or value == expected
            if count := re.search(r"containing (\d+) items", step):
                assert len(value) == int(count[1])
    elif found := re.match(r"(\w+) should run (first|last|after) ?(\w+)?", step):
        places = {"first": 0, "last": len(order) - 1}
        after = order.index(found[3]) + 1 if found[3] else None
        assert order.index(found[1]) == (places[found[2]] if after is None else after)
    else:
        assert step.startswith(("a workflow", "the workflow input", "the workflow is executed"))
