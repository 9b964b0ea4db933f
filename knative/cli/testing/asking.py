"""Tools asked for real, one request at a time: each is a run of a flow with that one task.

The rendered request is the run's input, so that it is the tool that judges it; but the arguments
of the DSL's own calls must stand in a flow as they are. An error comes back as the run's output, so
that no dead letter stays behind.
"""

from __future__ import annotations

import json
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Final, Self

from events.flow.syntax.call import BUILT_IN
from events.vocabulary import digest
from knative.cli.exits import CommandError, Exit, UsageError
from knative.cli.flows import put
from knative.cli.runs import follow, some_platform, start

if TYPE_CHECKING:
    from events.flow.rehearsal.recording import Asked
    from knative.cli.client import Platform

Json = Any
NAMESPACE: Final = "tendril-test"


class Tools:
    """The tools of the platform that is up, else of one that lives as long as this."""

    def __init__(self, timeout: float) -> None:
        """Prepare; nothing is started before the first request. `timeout` is in seconds."""
        self._timeout = timeout
        self._stack = ExitStack()
        self._platform: Platform | None = None

    def __enter__(self) -> Self:
        self._stack.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def ask(self, request: Asked) -> dict[str, Json]:
        """Return `output` or `error`, as a recording has it."""
        if request.secret:
            raise UsageError(
                f"{request.reference} is given secrets by its host: {request.call} cannot be asked "
                "for it; give the task an answer in the case, or take the test from a run"
            )
        if self._platform is None:
            self._platform, _ = self._stack.enter_context(some_platform(wait=True))
        flow = _flow(request)
        deployed = put(self._platform, json.dumps(flow), request.reference)
        reference = f"{deployed['namespace']}/{deployed['name']}:{deployed['version']}"
        began = start(self._platform, reference, request.input, None, 1.0)
        run = follow(self._platform, began, self._timeout)
        if run["status"] != "completed":
            what = f"{request.call} gave no answer within {self._timeout:g} s"
            raise CommandError(Exit.RUNNING, f"{what}; run {run['id']} is {run['status']}")
        answer: dict[str, Json] = run["output"]
        return answer


def _flow(request: Asked) -> Json:
    function = request.call.partition(":")[0]
    if function in BUILT_IN:
        given = literal(request.input)
    else:
        given = {name: f"${{ .[{json.dumps(name)}] }}" for name in request.input}
    version = f"0.0.0-r{digest([request.call, given])[:16]}"
    document = {"dsl": "1.0.3", "namespace": NAMESPACE, "name": function, "version": version}
    call = {"call": request.call, "with": given, "output": {"as": "{output: .}"}}
    told = {"set": {"error": "${ $error | del(.instance) }"}}
    caught = {"try": [{"call": call}], "catch": {"do": [{"tell": told}]}}
    return {"document": document, "do": [{"ask": caught}]}


def literal(value: Json) -> Json:
    """Return a template that gives exactly `value`, whatever its strings look like."""
    if isinstance(value, dict):
        return {name: literal(each) for name, each in value.items()}
    if isinstance(value, list):
        return [literal(each) for each in value]
    if isinstance(value, str) and "${" in value:
        return "${ " + json.dumps(value) + " }"
    return value
