"""Plays the cases of a test file, on its recording or on the tools themselves."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from events.flow.rehearsal.judgement import rehearse
from events.flow.rehearsal.recording import Prompter, Recording
from knative.cli.catalog import catalog
from knative.cli.testing.asking import Tools
from knative.cli.testing.evaluator import evaluator
from knative.cli.testing.taping import Taping, write

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from events.flow.catalog import Catalog
    from events.flow.rehearsal.judgement import Verdict
    from events.flow.rehearsal.script import Case
    from events.flow.steps import Evaluate
    from knative.cli.testing.files import Suite


@dataclass(frozen=True, slots=True)
class Player:
    """Plays cases; with `tools` it records."""

    catalog: Catalog
    evaluate: Evaluate
    tools: Tools | None

    def __call__(self, suite: Suite, cases: Sequence[Case]) -> Iterator[Verdict]:
        """Yield a verdict for each case; a recording is written when all have been played."""
        if self.tools is not None:
            yield from self._taped(suite, cases, self.tools)
            return
        recording = Recording(suite.tape)
        for case in cases:
            yield self._rehearsed(suite, case, Prompter(case, recording, self.catalog))

    def _rehearsed(self, suite: Suite, case: Case, prompter: Prompter) -> Verdict:
        flows = [each.flow for each in suite.flows]
        return rehearse(suite.flow.flow, case, self.evaluate, prompter, flows)

    def _taped(self, suite: Suite, cases: Sequence[Case], tools: Tools) -> Iterator[Verdict]:
        taping = Taping(suite.tape)
        for case in cases:
            yield self._rehearsed(suite, case, taping.prompter(case, self.catalog, tools.ask))
        others = len(cases) < len(suite.script.cases)
        names = {case.name for case in cases}
        entries = taping.with_others(names) if others else taping.entries()
        if entries or suite.tape_path.exists():
            comment = f"Recorded by `tendril test --record {suite.path.name}`; edit what you like."
            write(suite.tape_path, {"answers": entries}, comment)


@contextmanager
def player(*, record: bool, timeout: float) -> Iterator[Player]:
    """Give a player; a platform that recording needs is up as long as it."""
    with evaluator() as evaluate:
        if not record:
            yield Player(catalog(), evaluate, None)
            return
        with Tools(timeout) as tools:
            yield Player(catalog(), evaluate, tools)
