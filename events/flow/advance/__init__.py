"""The state machine of a run: `advance(flow, state, signal, facts, evaluate) -> Step`.

Pure: no I/O, no clock, no randomness; expressions are evaluated by an argument. The same
arguments give the same step, and no argument is changed.

How to read it: `table` says what every kind of frame does about everything that can happen to
it; `machine` is the loop that looks there; `dataflow` is what all tasks have in common; `tasks/`
what each does itself. A new kind of task is a row in the table and a function, a new signal one
more happening. `picture` draws the table: docs/state-machine.md.
"""

from events.flow.advance.machine import advance
from events.flow.advance.refusals import StaleSignal, TooWide, UnknownMachine
from events.flow.advance.work import Bounds

__all__ = ["Bounds", "StaleSignal", "TooWide", "UnknownMachine", "advance"]
