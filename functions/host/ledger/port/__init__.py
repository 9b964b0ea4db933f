"""The port every ledger fills: what hosts and `flow` may ask, each call one transaction.

A protocol for each noun, for those who need no more. `functions.host.ledger.sqlite` is the embedded
implementation. Errors: LedgerUnavailable whenever the store cannot be read or written; nothing was
changed then.
"""

from __future__ import annotations

from typing import Protocol

from functions.host.ledger.port.approvals import Approvals
from functions.host.ledger.port.budgets import Budgets
from functions.host.ledger.port.chronicle import Chronicle
from functions.host.ledger.port.flows import Flows
from functions.host.ledger.port.gatherings import Gatherings
from functions.host.ledger.port.letters import Letters
from functions.host.ledger.port.listens import Listens
from functions.host.ledger.port.outbox import Outbox
from functions.host.ledger.port.parcels import Parcels
from functions.host.ledger.port.retention import Retention
from functions.host.ledger.port.runs import Runs
from functions.host.ledger.port.tasks import Tasks


class Ledger(
    Flows,
    Runs,
    Retention,
    Tasks,
    Budgets,
    Listens,
    Parcels,
    Gatherings,
    Approvals,
    Letters,
    Outbox,
    Chronicle,
    Protocol,
):
    """The whole ledger."""

    async def ready(self) -> None:
        """Check that the store answers."""

    async def close(self) -> None:
        """Finish what is queued and let go of the store."""
