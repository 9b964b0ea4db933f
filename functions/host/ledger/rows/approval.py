"""Whom people's answers are asked of."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Assignee:
    """Whom an approval asks, from a step of its escalation on until the next one."""

    run: str
    instance: str
    step: int
    """0 before the first; that of a timer, `events.flow.advance.timers.escalation`, after it."""
    name: str
    """A user or a group; empty where anybody may answer."""
