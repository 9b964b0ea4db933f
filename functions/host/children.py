"""Flows that are started by name from within a run: which one, and its first step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from events.errors import ErrorType, ToolError
from events.vocabulary import child_id
from functions.host.beginning import beginning, called_by

if TYPE_CHECKING:
    from collections.abc import Callable

    from functions.host.blobs import Blobs
    from functions.host.ledger.port.flows import Flows
    from functions.host.ledger.rows.flow import FlowRow
    from functions.host.ledger.rows.run import RunRow
    from functions.host.ledger.rows.task import Work
    from functions.host.ledger.rows.transition import Transition
    from functions.host.stepping import Stepper

LATEST: Final = "latest"
DEEPEST: Final = 64
"""How many runs may be above one: a flow that runs itself has an end here."""


@dataclass(frozen=True, slots=True)
class Child:
    """A run that is to be opened, and what its first step writes."""

    run: RunRow
    first: Transition


class Children:
    """Makes the runs that tasks ask for; nothing is written here."""

    def __init__(
        self, ledger: Flows, blobs: Blobs, stepper: Stepper, clock: Callable[[], float]
    ) -> None:
        self._ledger, self._blobs = ledger, blobs
        self._stepper, self._clock = stepper, clock

    async def made(self, work: Work) -> Child:
        """Return the child that a STARTING row asks for; the same attempt, the same run.

        ToolError: there is no such flow, or there are too many runs above it.
        """
        asked = _asked(await self._blobs.unpack(work.task.input))
        flow = await self.named(asked["namespace"], asked["name"], asked["version"])
        if work.run.depth >= DEEPEST:
            detail = (
                f"run {work.run.id} has {DEEPEST} runs above it, the most there may be; look for "
                "a flow that runs itself and never ends"
            )
            raise ToolError(detail, title="Too deep")
        run = await self._child(work, flow, asked["input"], awaited=asked["await"])
        return Child(*await self._stepper.first(run))

    async def named(self, namespace: str, name: str, version: str) -> FlowRow:
        """Return a version, the newest where that is `latest`; ToolError: it is not deployed."""
        wanted = None if version == LATEST else version
        flow = await self._ledger.flow_named(namespace, name, wanted)
        if flow is None:
            detail = f"no flow {namespace}/{name}:{version} is deployed; deploy it and redrive"
            raise ToolError(detail, type=ErrorType.CONFIGURATION, title="Unknown flow")
        return flow

    async def _child(self, work: Work, flow: FlowRow, value: Any, *, awaited: bool) -> RunRow:
        task, parent = work.task, work.run
        identity = child_id(parent.id, task.instance, task.attempt)
        packed = await self._blobs.pack(value, identity)
        run = beginning(flow, identity, packed, self._clock(), parent.trace)
        return called_by(run, work, awaited=awaited)


def _asked(value: Any) -> dict[str, Any]:
    """Return what a row asks for; a person may have edited it."""
    names = ("namespace", "name", "version")
    if isinstance(value, dict) and all(isinstance(value.get(name), str) for name in names):
        return {"input": {}, "await": True, **value}
    detail = f"the task's input must have {', '.join(names)} of the flow to run, each a string"
    raise ToolError(detail, type=ErrorType.VALIDATION)
