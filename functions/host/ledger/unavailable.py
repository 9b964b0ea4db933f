"""What every ledger says when it cannot be reached."""

from __future__ import annotations


class LedgerUnavailable(Exception):  # noqa: N818 - the state, not a mistake of the caller
    """The ledger cannot be read or written now: a full disk, a lost connection."""
