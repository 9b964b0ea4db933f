"""What does not change while a run lasts, read and parsed once: its input, what branches share."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final

import orjson

from events.flow.advance import StaleSignal
from events.flow.steps import Surroundings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from events.flow.steps import State
    from functions.host.blobs import Blobs
    from functions.host.ledger import Ledger
    from functions.host.ledger.rows import RunRow

_KEPT: Final = 32
_SMALL: Final = 4096
"""Characters of JSON that are parsed in no time: not worth a place."""


class Shared:
    """Looks such values up; those who get one must not change it."""

    def __init__(self, ledger: Ledger, blobs: Blobs) -> None:
        self._ledger, self._blobs = ledger, blobs
        self._known: OrderedDict[tuple[str, str], Any] = OrderedDict()

    async def input(self, run: RunRow) -> Any:
        """Return a run's input."""
        if len(run.input) < _SMALL and not run.input.startswith("@"):
            return orjson.loads(run.input)
        return await self._once((run.id, ""), lambda: self._blobs.unpack(run.input))

    async def around(self, run: RunRow, state: State | None) -> Surroundings | None:
        """Return what the branch that a state is of sees; StaleSignal: its fork is over."""
        if state is None or "branch" not in state:
            return None
        fork: str = state["branch"]["fork"]
        found: Surroundings | None = await self._once((run.id, fork), lambda: self._read(run, fork))
        if found is None and "context" not in state:
            raise StaleSignal(f"the fork {fork} is over")
        return found

    async def _read(self, run: RunRow, fork: str) -> Surroundings | None:
        packed = orjson.loads(await self._ledger.shared(run.id, fork))
        if packed is None:
            return None
        return Surroundings(**{name: await self._blobs.unpack(packed[name]) for name in packed})

    async def _once(self, key: tuple[str, str], read: Callable[[], Awaitable[Any]]) -> Any:
        if key in self._known:
            self._known.move_to_end(key)
            return self._known[key]
        value = await read()
        if value is not None:
            self._known[key] = value
            if len(self._known) > _KEPT:
                self._known.popitem(last=False)
        return value
