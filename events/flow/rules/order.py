"""The order of tasks: names within a list, where `then` leads, the cases of a switch."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

from events.flow.finding import did_you_mean
from events.flow.rules.visit import ListVisit, Visit, Words, functions_of, lists_of, tasks_of
from events.flow.syntax.call import CallTask
from events.flow.syntax.simple import SwitchTask

if TYPE_CHECKING:
    from collections.abc import Iterator

    from events.flow.parse import Parsed
    from events.flow.syntax import Flow
    from events.flow.syntax.base import TaskBase

_BRANCHES: Final = ("fork", "branches")
_FUNCTIONS: Final = ("use", "functions")
DIRECTIVES: Final = ("continue", "exit", "end")


def misordered(parsed: Parsed) -> Iterator[Words]:
    """Yield names that stand twice in a list, targets that are not in it, needless defaults."""
    enders = _enders(parsed.flow)
    for tasks in lists_of(parsed.flow):
        yield from _duplicates(tasks)
        names = [entry.name for entry in tasks.tasks]
        for visit in tasks.visits():
            yield from _targets(visit, names)
            if isinstance(visit.task, CallTask) and visit.task.call in enders:
                yield from _ended(visit, visit.task.call)
            if isinstance(visit.task, SwitchTask):
                yield from _defaults(visit, visit.task)
    for visit in functions_of(parsed.flow):
        yield from _targets(visit, [])


def _duplicates(tasks: ListVisit) -> Iterator[Words]:
    seen: dict[str, Visit] = {}
    for visit in tasks.visits():
        if visit.name in seen:
            yield visit.place(), f"{visit.place()} has the name of an earlier task of its list"
        elif visit.name in DIRECTIVES:
            message = f"{visit.place()} has the name of a flow directive; choose another"
            yield visit.place(), message
        seen.setdefault(visit.name, visit)


def _enders(flow: Flow) -> set[str]:
    """Return the flow's functions that may end the flow, themselves or by what they call."""
    inside = [(each.path[2], each.task) for each in tasks_of(flow) if each.path[:2] == _FUNCTIONS]
    enders: set[str] = set()
    while found := {str(name) for name, task in inside if _ends(task, enders)} - enders:
        enders |= found
    return enders


def _ends(task: TaskBase, enders: set[str]) -> bool:
    if isinstance(task, SwitchTask) and any(each.case.then == "end" for each in task.switch):
        return True
    return task.then == "end" or (isinstance(task, CallTask) and task.call in enders)


def _ended(visit: Visit, function: str) -> Iterator[Words]:
    """Yield a call in a branch of what ends the flow."""
    if reason := _beyond_branch(visit, "end"):
        yield visit.place("call"), f"{visit.place('call')}: in '{function}', {reason}"


def _targets(visit: Visit, names: list[str]) -> Iterator[Words]:
    targets = [(visit.place("then"), visit.task.then)]
    if isinstance(visit.task, SwitchTask):
        targets += [
            (visit.place("switch", index, each.name, "then"), each.case.then)
            for index, each in enumerate(visit.task.switch)
        ]
    for place, target in targets:
        if reason := _beyond_branch(visit, target):
            yield place, f"{place}: {reason}"
            continue
        if target is not None and target not in names and target not in DIRECTIVES:
            known = [*names, *DIRECTIVES]
            expected = f"expected one of {', '.join(known)}{did_you_mean(target, known)}"
            yield place, f"{place}: there is no task '{target}' in this list; {expected}"


def _beyond_branch(visit: Visit, target: str | None) -> str | None:
    """Return why a target lies beyond the branch of a fork that the task is in or is."""
    forks = [each for each in pairwise(visit.path) if each == _BRANCHES]
    if target == "end" and visit.iterated:
        return "`end` cannot end the flow from an iteration of a parallel `for`: others still run"
    if target in {None, "continue", "exit"} or not forks:
        return None
    if target == "end":
        return "`end` cannot end the flow from a branch of a fork: the others are still running"
    if visit.path[-4:-2] == _BRANCHES:
        return "a branch of a fork leads to no other; expected one of continue, exit"
    return None


def _defaults(visit: Visit, task: SwitchTask) -> Iterator[Words]:
    defaults = [each for each in enumerate(task.switch) if each[1].case.when is None]
    for index, each in defaults[1:]:
        place = visit.place("switch", index, each.name)
        first = defaults[0][1].name
        yield place, f"{place}: a switch has one default case, and '{first}' is it; add a 'when'"
