"""A broker's bad days on purpose: deliveries reordered, duplicated, delayed or lost, from a seed.

At-least-once stays unless `lose` is set: the real delivery is only put off, and a duplicate comes
on top of it. What is lost was accepted and is never delivered, which no broker should do.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from collections.abc import Iterator

REORDER_SECONDS: Final = 0.05
"""A reordered delivery steps back this long at most, so that later ones overtake it."""

_SHAPE: Final = "write for instance seed=1,duplicate=0.2,delay=0.2:0.5,reorder=0.2"


@dataclass(frozen=True, slots=True)
class Disorder:
    """How much goes wrong; rates are shares of all attempts, `longest` is in seconds."""

    seed: int = 0
    duplicate: float = 0.0
    delay: float = 0.0
    longest: float = 0.5
    reorder: float = 0.0
    lose: float = 0.0

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the setting's text, `delay` being rate:longest; raises ValueError."""
        values: dict[str, float] = {}
        for part in text.split(","):
            name, _, value = part.strip().partition("=")
            if name == "delay" and ":" in value:
                value, _, longest = value.partition(":")
                values["longest"] = _number("delay", longest)
            if name not in {"seed", "duplicate", "delay", "reorder", "lose"}:
                message = f"TENDRIL_DISORDER: unknown part {part.strip()!r}; {_SHAPE}"
                raise ValueError(message)
            values[name] = _number(name, value, 1.0 if name != "seed" else None)
        return cls(seed=int(values.pop("seed", 0)), **values)

    def waits(self) -> Iterator[tuple[float, float | None]]:
        """Yield for each attempt its wait and that of its duplicate, None without one."""
        source = random.Random(self.seed)  # noqa: S311 - repeatable is the point
        while True:
            wait = 0.0
            if source.random() < self.reorder:
                wait = source.uniform(0, REORDER_SECONDS)
            if source.random() < self.delay:
                wait += source.uniform(0, self.longest)
            again = source.uniform(0, self.longest) if source.random() < self.duplicate else None
            yield wait, again

    def losses(self) -> Iterator[bool]:
        """Yield for each attempt at a subscriber whether it is lost, from lots of its own."""
        source = random.Random(~self.seed)  # noqa: S311 - as above
        while True:
            yield source.random() < self.lose


def _number(name: str, text: str, most: float | None = None) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf") or (most is not None and value > most):
        message = f"TENDRIL_DISORDER: {name} must be a number from 0, not {text!r}; {_SHAPE}"
        raise ValueError(message)
    return value
