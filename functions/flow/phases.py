"""The status phase that people see of a run, which the DSL divides further than the ledger does.

Where the specification leaves room: a run is `waiting` where all that it has out waits for a time
(a retry's too), an event or people, and so do the runs that it awaits.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from functions.host.ledger.rows.run import RunStatus

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functions.host.assembly import Platform
    from functions.host.ledger.rows.run import RunRow


async def phased(platform: Platform, rows: Sequence[RunRow]) -> list[RunRow]:
    """Return runs as people see them: those that only wait are `waiting`."""
    running = [row.id for row in rows if row.status is RunStatus.RUNNING]
    waiting = await platform.ledger.waiting(running) if running else set()
    return [replace(row, status=RunStatus.WAITING) if row.id in waiting else row for row in rows]
