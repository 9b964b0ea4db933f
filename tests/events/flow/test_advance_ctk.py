"""The specification's own conformance kit, where it lies on this machine, on the state machine.

Without `TENDRIL_SPEC` these tests are skipped (their cases are told again in our own words in
`test_advance_tasks.py`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from events.errors import ErrorType, Problem
from events.flow.steps import ScopeCompleted, ScopeFaulted
from events.flow.syntax import Flow
from tests.support.kit import Ended, Scenario, judge, kit

if TYPE_CHECKING:
    from events.flow.effects import TaskRequest

PET = {"id": 1, "name": "Rex", "status": "available"}
PETS = "https://petstore.swagger.io/v2/pet"
NOT_FOUND = Problem(ErrorType.COMMUNICATION, 404, "Not Found", "no such pet")


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


@pytest.mark.parametrize("scenario", kit())
def test_scenario(scenario: Scenario, interpreter: Any) -> None:
    """The run ends as the scenario says."""
    flow = Flow.model_validate(scenario.definition)
    status = interpreter.status(flow, scenario.input, answer)
    assert isinstance(status, ScopeCompleted | ScopeFaulted), status
    error = status.problem.to_json() if isinstance(status, ScopeFaulted) else None
    judge(scenario, Ended(getattr(status, "output", None), error, interpreter.order()))
