"""The state machine as a page: drawn from its table, so that it cannot say anything else.

    python -m events.flow.advance.picture > docs/state-machine.md

What follows what stands in the types that the table's functions return, which mypy checks.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from events.flow.advance.table import ALWAYS, TRANSITIONS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from events.flow.advance.happenings import Happening
    from events.flow.advance.table import Transition

_EVERY: Final = "every task"
_WAITS: Final = "waits"
_ENDS: Final = {"None": _WAITS, "NoReturn": "Faulted"}
_FROM_OUTSIDE: Final = ("Answered", "Due", "Heard")
_HEAD: Final = """\
# The state machine

<!-- Written by `python -m events.flow.advance.picture`; a test compares it with the code. -->

A run is a stack of frames: the flow, task lists, tasks. What happens, happens to the frame on top;
what it does about that is a row of the table in `events/flow/advance/table.py`, and says what
happens next, to whatever frame is on top then. A frame that waits is told by a signal from outside:
an answer, a time that has come, an event. An error in any row makes it Faulted.

```mermaid
stateDiagram-v2
    [*] --> Arrived
"""
_TABLE: Final = """\
```

| frame | happens | does | then |
|---|---|---|---|
"""


def page() -> str:
    """Return the page, in Markdown with a Mermaid diagram."""
    return _HEAD + "".join(_edges()) + _TABLE + "".join(_rows())


def following(transition: Transition) -> list[str]:
    """Return what may happen after a transition, by its declared type."""
    names = str(transition.__annotations__["return"]).split(" | ")
    return [_ENDS.get(name, name) for name in names]


def _all() -> Iterator[tuple[str, type[Happening], Transition]]:
    for happening, transition in ALWAYS.items():
        yield _EVERY, happening, transition
    for (kind, happening), transition in TRANSITIONS.items():
        yield kind, happening, transition


def _edges() -> Iterator[str]:
    kinds: dict[tuple[str, str], list[str]] = {}
    for kind, happening, transition in _all():
        for then in following(transition):
            kinds.setdefault((happening.__name__, then), []).append(kind)
    for (happens, then), named in kinds.items():
        yield f"    {happens} --> {then}: {', '.join(dict.fromkeys(named))}\n"
    for told in _FROM_OUTSIDE:
        yield f"    {_WAITS} --> {told}\n"
    for end in ("Returned", "Faulted"):
        yield f"    {end} --> [*]: no frame is left\n"


def _rows() -> Iterator[str]:
    for kind, happening, transition in _all():
        does = (transition.__doc__ or "").partition("\n")[0].rstrip(".")
        module = transition.__module__.rpartition(".")[2]
        then = ", ".join(following(transition))
        where = f"`{module}.{transition.__name__}`"
        yield f"| {kind} | {happening.__name__} | {does} ({where}) | {then} |\n"


if __name__ == "__main__":
    sys.stdout.write(page())
