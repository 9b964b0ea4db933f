"""The frame stack: where a scope stands, as values that go to JSON and back."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Any, Final, Self

Json = Any

FLOW: Final = "flow"
SEQUENCE: Final = "sequence"
CATCH: Final = "catch"
RETRY: Final = "retry"
LISTEN: Final = "listen"
SUBSCRIPTION: Final = "subscription"
CONSUMPTION: Final = "consumption"
BRANCH: Final = "branch"
ITERATION: Final = "iteration"
PARALLEL: Final = "parallel"
FORKED: Final = frozenset({"fork", PARALLEL})
"""The kinds that wait for branches, with their own instance."""
FUNCTION: Final = "function"
BEFORE: Final = "before"
AROUND: Final = "around"
AFTER: Final = "after"
ADDED: Final = frozenset({BEFORE, AFTER})
"""The kinds below which an extension's own tasks lie."""
EXTENDED: Final = "__task"
"""The reserved variable that an extension adds: what `$task` is in its tasks."""
ASKING: Final = frozenset({"call", "run", CONSUMPTION})
"""The kinds that wait for the answer to what they asked for."""
WAITING: Final = ASKING | {"wait"}
"""The kinds that wait for something with their own instance."""
_NOT_TASKS: Final = frozenset(
    {FLOW, SEQUENCE, BRANCH, ITERATION, CONSUMPTION, BEFORE, AROUND, AFTER}
)


@dataclass(frozen=True, slots=True)
class Frame:
    """One thing in progress: the flow, a task list, or a task; the top of the stack acts."""

    kind: str
    """`flow`, `branch` (of a fork) or `iteration` (of a `parallel` for), each at the bottom of a
    scope of its own; `sequence`, a task's keyword, `catch`: a try whose error was caught, `retry`:
    a try that waits for its next attempt, `parallel`: a for whose iterations run at the same time,
    `function`: a call of one of the flow's own functions, `subscription`: a call whose messages
    tasks are done for, `consumption`: a tool that consumes them; `before`, `around` or `after`: an
    extension of a task, and which of the three is on top of it."""
    reference: str = ""
    """A JSON pointer into the definition: of the task, of the task list (a branch: of all
    branches, an iteration: of its own) or of the extension; the flow has none."""
    instance: str = ""
    """The reference and the visit, `/do/0/ask#2`; tasks only."""
    started: str = ""
    """When the task began, ISO 8601; tasks only."""
    raw: Json = None
    """The task's input before `input.from`."""
    input: Json = None
    """The task's input after `input.from`."""
    local: dict[str, Json] = field(default_factory=dict)
    """What this kind must remember: a sequence its index, a for its items."""
    variables: dict[str, Json] = field(default_factory=dict)
    """The variables it adds for the expressions inside: a for's item, a catch's error."""

    timers: list[str] = field(default_factory=list)
    """The instances of the timers that end with it."""

    @property
    def is_task(self) -> bool:
        """Whether this is a task, which has records, a descriptor and a data flow.

        Consuming once more what a task subscribes to is another visit of it.
        """
        return self.kind not in _NOT_TASKS or "visit" in self.local

    @property
    def listens(self) -> bool:
        """Whether this is a listen that has begun to."""
        return self.kind == LISTEN and "expected" in self.local

    def having(self, **local: Json) -> Self:
        """Return the frame with these things remembered too."""
        return replace(self, local={**self.local, **local})

    def to_json(self, given: Json = None) -> dict[str, Json]:
        """Return what differs from the defaults; an input equal to the raw one is implied.

        `given` is what the scope's branch was given, and is kept elsewhere.
        """
        values = {name: getattr(self, name) for name in _NAMES}
        if self.input is self.raw is not None:
            values |= {"input": None, "same": True}
        if self.raw is given is not None:
            values |= {"raw": None, "given": True}
        return {name: value for name, value in values.items() if value not in (None, "", {}, [])}

    @classmethod
    def from_json(cls, value: dict[str, Json], given: Json = None) -> Self:
        """Read what `to_json` wrote."""
        values = dict(value)
        if values.pop("given", False):
            values["raw"] = given
        if values.pop("same", False):
            values["input"] = values.get("raw")
        return cls(**values)


_NAMES: Final = tuple(each.name for each in fields(Frame))
