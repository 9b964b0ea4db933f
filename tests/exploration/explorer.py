"""Goes through every order in which things can happen, each state once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.exploration.world import World, flow_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from events.envelope import Message
    from tests.exploration.world import Budget, Choice


class Violation(AssertionError):  # noqa: N818 - what was found, not a mistake here
    """A promise that one order of events breaks; the order is its text."""


@dataclass
class Explored:
    """What an exploration went through."""

    states: int = 0
    ends: int = 0


async def explore(
    text: str,
    budget: Budget,
    holds: Callable[[World], str | None],
    ends: Callable[[World], str | None],
    events: Sequence[Message] = (),
) -> Explored:
    """Go through all orders of a flow's run; raise Violation with the first that breaks a promise.

    Args:
        text: The flow, and below it those that it runs.
        budget: How often what may go wrong does.
        holds: Says what is wrong with a state, None when nothing is.
        ends: The same of a state after which nothing more happens.
        events: What comes from outside, at any time.
    """
    world = await World.begin(flow_rows(text), budget, events)
    messages = world.messages
    waiting: list[tuple[object, tuple[Choice, ...], tuple[Choice, ...]]] = []
    waiting.append((world.snapshot(), (), ()))
    await world.close()
    seen: set[bytes] = set()
    found = Explored()
    while waiting:
        snapshot, path, before = waiting.pop()
        world = await World.restored(flow_rows(text), snapshot, messages)  # type: ignore[arg-type]
        try:
            for choice in path:
                await world.apply(choice)
            while (key := world.key()) not in seen:
                seen.add(key)
                found.states += 1
                if wrong := holds(world):
                    raise Violation(_told(wrong, (*before, *path)))
                choices = world.choices()
                if not choices:
                    found.ends += 1
                    if wrong := ends(world):
                        raise Violation(_told(wrong, (*before, *path)))
                    break
                if not any(host.busy for host in world.hosts.values()):
                    snapshot, before, path = world.snapshot(), (*before, *path), ()
                waiting += [(snapshot, (*path, other), before) for other in choices[1:]]
                path = (*path, choices[0])
                await world.apply(choices[0])
        finally:
            await world.close()
    return found


def _told(wrong: str, path: tuple[Choice, ...]) -> str:
    steps = "\n".join(f"  {number}. {' '.join(choice)}" for number, choice in enumerate(path, 1))
    return f"{wrong}, after\n{steps}"
