"""Timers of a frame: `wait`, `timeout`, and a try's attempts and the pauses between them.

A timer is known by the instance of its frame and by what of it is timed, so that setting it
again is the same timer.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from events.errors import ErrorType, Problem
from events.flow.effects import TimerRequest

if TYPE_CHECKING:
    from datetime import timedelta

    from events.flow.advance.frames import Frame
    from events.flow.advance.work import Work

TIMEOUT: Final = "timeout"
ATTEMPT: Final = "attempt"
PAUSE: Final = "pause"
ESCALATION: Final = "escalation"


def named(frame: Frame, what: str) -> str:
    """Return the instance of a frame's timer; each of a try's attempts has its own."""
    number = "" if what == TIMEOUT else f"#{frame.local.get('retries', 0) + 1}"
    return f"{frame.instance}~{what}{number}"


def escalation(instance: str, step: int) -> str:
    """Return the instance of the timer that asks others to answer; steps count from 1."""
    return f"{instance}~{ESCALATION}#{step}"


def escalates(frame: Frame, instance: str) -> bool:
    """Tell whether a timer asks others to answer, rather than end the frame."""
    return instance.startswith(f"{frame.instance}~{ESCALATION}#")


def start(work: Work, frame: Frame, what: str, span: timedelta) -> Frame:
    """Set a timer of the top frame; it ends with the frame, however that ends."""
    instance = named(frame, what)
    work.timers.append(TimerRequest(instance, frame.reference, work.facts.now + span))
    return work.become(replace(frame, timers=[*frame.timers, instance]))


def stop(work: Work, frame: Frame, what: str) -> Frame:
    """End a timer of the top frame, if it is set."""
    instance = named(frame, what)
    if instance not in frame.timers:
        return frame
    work.close(instance)
    return work.become(without(frame, instance))


def without(frame: Frame, instance: str) -> Frame:
    """Return the frame without a timer that has fired or is closed."""
    return replace(frame, timers=[timer for timer in frame.timers if timer != instance])


def problem(frame: Frame, what: str) -> Problem:
    """Return the error of a flow, a task or an attempt that took too long."""
    who = frame.reference or "the flow"
    detail = f"an attempt of {who}" if what == ATTEMPT else who
    reference = frame.reference or "/timeout"
    return Problem(ErrorType.TIMEOUT, 408, "Timed out", f"{detail} took too long", reference)
