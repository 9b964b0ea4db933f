"""Deployed flows as the state machine reads them, parsed once per digest."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from events.flow.syntax import Flow
from events.flow.syntax.imports import Imports

if TYPE_CHECKING:
    from functions.host.ledger.port.flows import Flows
    from functions.host.ledger.rows.flow import FlowRow

_KEPT: Final = 256


@dataclass(frozen=True, slots=True)
class Deployed:
    """A flow's row and its model."""

    row: FlowRow
    flow: Flow

    def version_of(self, function: str, asked: str) -> str:
        """Return the full version that a call was pinned to at deployment."""
        return self.row.functions[f"{function}:{asked}" if asked else function]


class Deployments:
    """Looks flows up by digest; versions are immutable, so what was read stays true."""

    def __init__(self, ledger: Flows) -> None:
        self._ledger = ledger
        self._known: OrderedDict[str, Deployed] = OrderedDict()

    async def get(self, digest: str) -> Deployed:
        """Return a deployed flow; LookupError when the ledger does not have it."""
        found = self._known.get(digest)
        if found is None:
            row = await self._ledger.flow(digest)
            if row is None:
                raise LookupError(f"the ledger has no flow with digest {digest}")
            flow = Flow.model_validate(row.definition)
            found = Deployed(row, flow.importing(Imports.model_validate(row.imports)))
            self._known[digest] = found
            if len(self._known) > _KEPT:
                self._known.popitem(last=False)
        return found
