"""The ledger: the only state that hosts share, and the truth behind every event."""

from __future__ import annotations

from functions.host.ledger.port import Ledger, LedgerUnavailable

__all__ = ["Ledger", "LedgerUnavailable", "open_ledger"]


def open_ledger(url: str, *, max_pages: int = 0) -> Ledger:
    """Return the ledger behind `url` (`sqlite:///folder/file.db`); ValueError names a bad one."""
    if url.startswith("sqlite:///"):
        from functions.host.ledger.sqlite import SqliteLedger  # only the store in use is loaded

        return SqliteLedger(url.removeprefix("sqlite:///"), max_pages=max_pages)
    raise ValueError(
        f"TENDRIL_LEDGER is '{url}'; expected sqlite:///path/to/ledger.db (or leave it empty)"
    )
