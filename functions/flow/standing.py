"""Which tasks of a run stand open, as its history says; pure.

A fault that nobody catches leaves its scope as it was, for the redrive: then the tasks stand open
again that it ended, and those that it cut off.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from functions.host.ledger.rows.history import Entry

Open = tuple[str, str]
"""A task that has been created and has not ended: its reference and its instance."""


@dataclass
class _Standing:
    """How a run's tasks stand after so much of its history."""

    open: dict[str, str] = field(default_factory=dict)
    """Their references by their instances; so have the others."""
    faulted: dict[str, str] = field(default_factory=dict)
    """Those that ended by an error which nobody has taken yet."""
    cut_off: dict[str, str] = field(default_factory=dict)
    """Those that such an error cut off."""
    concerned: dict[str, str] = field(default_factory=dict)
    """Those that the last line was about, where it was about several."""

    def started(self, entry: Entry) -> None:
        self.open[entry.instance] = entry.reference

    def completed(self, entry: Entry) -> None:
        self.open.pop(entry.instance, None)
        self.goes_on(entry)

    def goes_on(self, entry: Entry) -> None:
        """Whatever ended below a task has ended for good."""
        for ended in (self.faulted, self.cut_off):
            for instance in [each for each in ended if _is_below(each, entry.instance)]:
                del ended[instance]

    def fails(self, entry: Entry) -> None:
        self._end({entry.instance}, self.faulted)

    def is_cancelled(self, entry: Entry) -> None:
        self._end({entry.instance}, self.cut_off)

    def branches_cancelled(self, entry: Entry) -> None:
        own, _, scope = entry.instance.partition("@")
        within = f"@{scope}|{own}/" if scope else f"@{own}/"
        self.concerned = self._end({each for each in self.open if within in each}, self.cut_off)

    def run_faulted(self, _: Entry) -> None:
        self.concerned = self._end(set(self.open), self.cut_off)

    def redriven(self, entry: Entry) -> None:
        scope = _scope(entry.instance)
        again = {i: r for i, r in self.faulted.items() if f"{scope}|".startswith(_within(i))}
        self.concerned = again | self.cut_off
        self.open |= self.concerned
        self.faulted, self.cut_off = {}, {}

    def all_open(self, _: Entry) -> None:
        self.concerned = dict(self.open)

    def _end(self, instances: set[str], to: dict[str, str]) -> dict[str, str]:
        ended = {i: r for i, r in self.open.items() if i in instances}
        self.open = {i: r for i, r in self.open.items() if i not in instances}
        to |= ended
        return ended


_ALL: Final[dict[str, Callable[[_Standing, Entry], None]]] = {
    "run.suspended": _Standing.all_open,
    "run.resumed": _Standing.all_open,
    "run.cancelled": _Standing.all_open,
    "run.faulted": _Standing.run_faulted,
    "redriven": _Standing.redriven,
    "branches.cancelled": _Standing.branches_cancelled,
}
_ONE: Final[dict[str, Callable[[_Standing, Entry], None]]] = {
    "task.started": _Standing.started,
    "task.completed": _Standing.completed,
    "task.caught": _Standing.goes_on,
    "task.retried": _Standing.goes_on,
    "task.cancelled": _Standing.is_cancelled,
    "task.faulted": _Standing.fails,
}
OF_ALL: Final = frozenset(_ALL)
"""The kinds of lines that are about every task that is open, is open again, or is in a fork."""


def concerned(history: Iterable[Entry]) -> list[Open]:
    """Return the tasks that the last line of a history, one of OF_ALL, is about.

    They are those that were created before it and had not ended, in the order of their creation;
    of a redrive, those that stand open again.
    """
    standing = _Standing()
    for entry in history:
        standing.concerned = {}
        note = _ALL.get(entry.kind) or _ONE.get(entry.kind)
        if note:
            note(standing, entry)
    return [(reference, instance) for instance, reference in standing.concerned.items()]


def _scope(instance: str) -> str:
    """Return the scope of a task, or of one of its timers."""
    return instance.partition("@")[2].partition("~")[0]


def _within(instance: str) -> str:
    """Return what the scopes begin with that are that of a task or lie in it."""
    scope = _scope(instance)
    return f"{scope}|" if scope else ""


def _is_below(instance: str, task: str) -> bool:
    """Tell whether a task is below another: in its lists, or in the branches of a fork there."""
    reference, scope, wanted = instance.partition("#")[0], _scope(instance), _scope(task)
    while scope != wanted:
        if not scope:
            return False
        scope, _, fork = scope.rpartition("|")
        reference = fork.partition("#")[0]
    outer = task.partition("#")[0]
    return reference == outer or reference.startswith(f"{outer}/")
