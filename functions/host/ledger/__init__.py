"""The ledger: the only state that hosts share, and the truth behind every event."""

from __future__ import annotations

from typing import TYPE_CHECKING

from functions.host.ledger.unavailable import LedgerUnavailable

if TYPE_CHECKING:
    from functions.host.ledger.port import Ledger as Ledger  # types alone: never loaded

__all__ = ["LedgerUnavailable", "open_ledger"]


def open_ledger(url: str, *, max_pages: int = 0, connections: int = 8) -> Ledger:
    """Return the ledger behind `url`; ValueError names a bad one.

    `sqlite:///folder/file.db`, of at most `max_pages` (0: any number), or
    `postgresql://user:password@host:5432/database`, over at most so many `connections`.
    """
    # only the store in use is loaded
    if url.startswith("sqlite:///"):
        from functions.host.ledger.sqlite import SqliteLedger

        return SqliteLedger(url.removeprefix("sqlite:///"), max_pages=max_pages)
    if url.startswith(("postgresql://", "postgres://")):
        from functions.host.ledger.postgres import PostgresLedger

        return PostgresLedger(url, connections=connections)
    raise ValueError(
        f"TENDRIL_LEDGER starts with '{url.partition(':')[0]}:'; expected "
        "sqlite:///path/to/ledger.db or postgresql://user:password@host:5432/database "
        "(or leave it empty: a file in the data folder)"
    )
