"""The flows that a flow runs, played with it: each on a stage of its own, at the same time.

What happens within them shows in their outcome alone, and in how long it takes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import semver

from events.flow.rehearsal.stage import Answer, Stage
from events.flow.steps import Running, ScopeFaulted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from events.flow.effects import ChildRequest
    from events.flow.rehearsal.recording import Prompter
    from events.flow.syntax import Flow


class MissingFlow(LookupError):  # noqa: N818 - it reads as what happened
    """A flow that a task runs is not part of the play; the message says how to have it."""


class Troupe:
    """Answers requests for runs of other flows: the case's own answers first."""

    def __init__(self, flows: Sequence[Flow], stage: Stage, prompter: Prompter) -> None:
        """Take the flows that may be run; `stage` is the one that asks for them."""
        self._flows, self._stage, self._prompter = flows, stage, prompter

    def __call__(self, request: ChildRequest) -> Answer:
        """Return how the run ends, and after how long; one that is not awaited has begun."""
        own = self._prompter.own(request.reference)
        if own is not None:
            return own
        parent = self._stage
        stage = Stage(
            self._named(request),
            parent.evaluate,
            self._prompter,
            request.input,
            f"{parent.run}{request.instance}",
            parent.now,
            parent.bounds,
            parent.order,
            list(parent.events),
        )
        stage.child = Troupe(self._flows, stage, self._prompter)
        stage.person = parent.person
        status = stage.play()
        if not request.awaited:
            return Answer()
        if isinstance(status, Running):
            return Answer(never=True)
        takes = stage.now - stage.began
        if isinstance(status, ScopeFaulted):
            return Answer(problem=status.problem, takes=takes)
        return Answer(status.output, takes=takes)

    def _named(self, request: ChildRequest) -> Flow:
        wanted = request.namespace, request.name
        known = [
            each for each in self._flows if (each.document.namespace, each.document.name) == wanted
        ]
        if request.version != "latest":
            known = [each for each in known if each.document.version == request.version]
        if not known:
            called = f"{request.namespace}/{request.name}:{request.version}"
            raise MissingFlow(
                f"{request.reference} runs {called}; name its file under `flows`, or give the task "
                "an answer of its own"
            )
        return max(known, key=lambda each: semver.Version.parse(each.document.version))
