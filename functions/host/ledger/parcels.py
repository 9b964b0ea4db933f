"""Parcels: the objects of one owner in the object store, and when they leave it.

What a run has there is its own: the transaction that archives the run gives it up. A large event
belongs to no run: the inbox keeps it for a time, and so does every run that is told of it. It is
announced before it is stored, under a name that is never used again, and has its holders: the
inbox under the event's identity, sets of events and what a flow gathers under their own, runs
under their ids, and a dead letter about an event, which has a copy, under its own. What nobody
holds is given up. That cannot be taken back, and only then is it deleted: nothing that is referred
to ever goes, and what a crash leaves behind is found.
"""

from __future__ import annotations

import re
from typing import Final

from events.vocabulary import identify

ROOM: Final = "events"
GONE: Final = "what the event brings was given up before it was received; deliver it again"
"""Why an event is not taken by a host that took longer than parcels wait for a holder."""
_PARCEL: Final = re.compile(rf"@{ROOM}/([0-9a-z]+\.[0-9a-z]+)/")


def parcel_name(event: str, unique: str) -> str:
    """Return the name of a parcel of an event; `unique` makes it one that was never used."""
    return f"{event}.{unique}"


def member_name(digest: str, correlation: str, event: str) -> str:
    """Return what an event that a flow gathers holds its parcel by."""
    return identify("member", digest, correlation, event)


def parcel_of(outcome: str) -> str | None:
    """Return the parcel that a packed outcome refers to, if it does."""
    found = _PARCEL.match(outcome)
    return found[1] if found else None
