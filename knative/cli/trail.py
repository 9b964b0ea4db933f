"""A run's history as hops: an attempt at a task, a child run, an event sent out or heard, a pause.

Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

REQUESTED: Final = "dev.tendril.task.requested.v1"

Entry = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Hop:
    """One event and what came of it; times in milliseconds, None while unknown."""

    task: str
    instance: str
    event: str
    at: str
    tool: str | None = None
    attempt: int = 1
    cold: bool | None = None
    queued_ms: float | None = None
    work_ms: float | None = None
    outcome: str = "requested"
    problem: Mapping[str, Any] | None = None
    child: str | None = None
    """The run that was started for it."""

    @property
    def temperature(self) -> str:
        """`cold` when a process had to be started for it, `warm` otherwise, empty if unknown."""
        return "" if self.cold is None else "cold" if self.cold else "warm"

    @property
    def error(self) -> str:
        """The problem in a few words; empty where there is none."""
        problem = self.problem or {}
        return str(problem.get("detail") or problem.get("title") or "")

    def to_json(self) -> dict[str, Any]:
        """Return the hop for programs, without what is unknown."""
        members = {
            "task": self.task,
            "instance": self.instance,
            "event": self.event,
            "at": self.at,
            "tool": self.tool,
            "attempt": self.attempt,
            "cold": self.cold,
            "queuedMs": self.queued_ms,
            "workMs": self.work_ms,
            "outcome": self.outcome,
            "problem": self.problem,
            "child": self.child,
        }
        return {name: value for name, value in members.items() if value is not None}


@dataclass(slots=True)
class Trail:
    """Collects hops from history entries in their order; each entry is seen once."""

    hops: list[Hop] = field(default_factory=list)
    _open: dict[str, int] = field(default_factory=dict)

    def see(self, entry: Entry) -> Hop | None:
        """Take one entry; return the hop that it ends, if it ends one."""
        kind, instance = str(entry.get("kind")), str(entry.get("instance") or "")
        if kind in _EVENTS:
            return self._add(_event(entry, _EVENTS[kind]))
        if kind in _BY_ITSELF:
            return self._add(_stood(entry, _BY_ITSELF[kind]))
        if kind == "task.requested":
            self._begin(instance, _requested(entry))
        elif kind == "task.waiting":
            self._begin(instance, _stood(entry, f"waiting until {_detail(entry).get('until')}"))
        elif kind == "task.listening":
            self._begin(instance, _stood(entry, "listening"))
        elif kind == "task.claimed":
            self._claim(instance, entry)
        elif kind == "child.started":
            self._started(instance, entry)
        elif kind == "task.taken" and instance in self._open:
            return self._end(self._open.pop(instance), "taken over", _detail(entry))
        elif kind in _ENDS and instance in self._open:
            return self._end(self._open[instance], _ENDS[kind], _detail(entry))
        return None

    def _add(self, hop: Hop) -> Hop:
        self.hops.append(hop)
        return hop

    def _begin(self, instance: str, hop: Hop) -> None:
        self._open[instance] = len(self.hops)
        self._add(hop)

    def _claim(self, instance: str, entry: Entry) -> None:
        """Another attempt after one that ended is a hop of its own."""
        index = self._open.get(instance)
        if index is None or self.hops[index].outcome not in {"requested", "claimed"}:
            tool = None if index is None else self.hops[index].tool
            self._begin(instance, replace(_requested(entry), tool=tool))
        index = self._open[instance]
        self.hops[index] = _claimed(self.hops[index], _detail(entry))

    def _started(self, instance: str, entry: Entry) -> None:
        """Another run after one that ended is a hop of its own."""
        index = self._open.get(instance)
        if index is None or self.hops[index].child is not None:
            self._begin(instance, _requested(entry))
        detail, index = _detail(entry), self._open[instance]
        flow, child = detail.get("flow"), detail.get("run")
        self.hops[index] = replace(self.hops[index], tool=flow, child=child, outcome="running")

    def _end(self, index: int, outcome: str, detail: Mapping[str, Any]) -> Hop | None:
        hop = self.hops[index]
        ended = replace(
            hop,
            outcome=outcome,
            tool=(None if hop.child else detail.get("tool")) or hop.tool,
            work_ms=detail.get("workMs", hop.work_ms),
            problem=detail.get("problem") or hop.problem,
        )
        self.hops[index] = ended
        return None if hop.outcome == outcome else ended


_ENDS: Final = {
    "task.completed": "completed",
    "task.faulted": "faulted",
    "task.cancelled": "cancelled",
    "task.retrying": "retrying",
    "dead-lettered": "dead-lettered",
}


_EVENTS: Final = {"event.emitted": "emitted", "event.heard": "heard"}
_BY_ITSELF: Final = {
    "task.retried": "another attempt",
    "run.suspended": "suspended",
    "run.resumed": "resumed",
    "run.redriven": "redriven as a new run",
}
"""What is worth a line though no tool is asked."""


def _detail(entry: Entry) -> Mapping[str, Any]:
    detail = entry.get("detail")
    return detail if isinstance(detail, Mapping) else {}


def _requested(entry: Entry) -> Hop:
    detail = _detail(entry)
    return Hop(
        task=str(entry.get("task") or ""),
        instance=str(entry.get("instance") or ""),
        event=REQUESTED,
        at=str(entry.get("at") or ""),
        tool=detail.get("tool") or detail.get("function") or detail.get("flow"),
        attempt=int(detail.get("attempt") or 1),
    )


def _stood(entry: Entry, outcome: str) -> Hop:
    """Return a line about a run that stands, for a time or until somebody says so."""
    detail = _detail(entry)
    delay = detail.get("delay")
    return Hop(
        task=str(entry.get("task") or ""),
        instance=str(entry.get("instance") or ""),
        event=str(entry.get("kind")).partition(".")[2],
        at=str(entry.get("at") or ""),
        outcome=f"{outcome} in {delay:g} s" if isinstance(delay, int | float) else outcome,
        problem=detail.get("problem"),
    )


def _claimed(hop: Hop, detail: Mapping[str, Any]) -> Hop:
    return replace(
        hop,
        outcome="claimed",
        tool=detail.get("tool") or hop.tool,
        attempt=int(detail.get("attempt") or hop.attempt),
        cold=detail.get("cold", hop.cold),
        queued_ms=detail.get("queuedMs", hop.queued_ms),
    )


def _event(entry: Entry, outcome: str) -> Hop:
    detail = _detail(entry)
    attributes = detail.get("attributes")
    inner = attributes if isinstance(attributes, Mapping) else detail
    return Hop(
        task=str(entry.get("task") or ""),
        instance=str(entry.get("instance") or ""),
        event=str(inner.get("type") or "event"),
        at=str(entry.get("at") or ""),
        outcome=outcome,
    )
