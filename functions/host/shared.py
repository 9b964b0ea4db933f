"""What does not change while a run lasts, read and parsed once: its input, what branches share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson

from events.flow.advance import StaleSignal
from events.flow.steps import Surroundings
from functions.host.recent import Recent

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from events.flow.steps import State
    from functions.host.blobs import Blobs
    from functions.host.ledger.port.runs import Runs
    from functions.host.ledger.rows.run import RunRow

_KEPT: Final = 32
_SMALL: Final = 4096
"""Characters of JSON that are parsed in no time: not worth a place."""


class Shared:
    """Looks such values up; those who get one must not change it."""

    def __init__(self, ledger: Runs, blobs: Blobs) -> None:
        self._ledger, self._blobs = ledger, blobs
        self._known: Recent[tuple[str, str], Any] = Recent(_KEPT)

    async def input(self, run: RunRow) -> Any:
        """Return a run's input."""
        if len(run.input) < _SMALL and not run.input.startswith("@"):
            return orjson.loads(run.input)
        return await self._once((run.id, ""), lambda: self._unpacked(run.input))

    async def around(self, run: RunRow, state: State | None) -> Surroundings | None:
        """Return what the branch that a state is of sees; StaleSignal: its fork is over."""
        if state is None or "branch" not in state:
            return None
        fork: str = state["branch"]["fork"]
        found: Surroundings | None = await self._once((run.id, fork), lambda: self._read(run, fork))
        if found is None and "context" not in state:
            raise StaleSignal(f"the fork {fork} is over")
        return found

    async def _unpacked(self, packed: str) -> tuple[Any, int]:
        text = await self._blobs.text(packed)
        return orjson.loads(text), len(text)

    async def _read(self, run: RunRow, fork: str) -> tuple[Surroundings | None, int]:
        packed = orjson.loads(await self._ledger.shared(run.id, fork))
        if packed is None:
            return None, 0
        found = {name: await self._unpacked(packed[name]) for name in packed}
        values = {name: value for name, (value, _) in found.items()}
        return Surroundings(**values), sum(size for _, size in found.values())

    async def _once(
        self, key: tuple[str, str], read: Callable[[], Awaitable[tuple[Any, int]]]
    ) -> Any:
        """Return what is known, or what is read, with the length of its JSON, and then known."""
        known = self._known.get(key)
        if known is not None:
            return known
        value, size = await read()
        if value is not None:
            self._known.keep(key, value, size)
        return value
