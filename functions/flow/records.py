"""What is known of a run, whether the ledger still has it or the archive."""

from __future__ import annotations

from typing import TYPE_CHECKING

from functions.flow.archive import Archive

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functions.flow.archive import Archived
    from functions.host.assembly import Platform
    from functions.host.ledger.rows.history import Entry
    from functions.host.ledger.rows.run import RunRow
    from functions.host.ledger.rows.task import TaskRow


async def run_of(platform: Platform, run_id: str) -> RunRow | None:
    """Return a run as it stands or ended."""
    run = await platform.ledger.run(run_id)
    kept = await _kept(platform, run) if run else None
    return kept.run if kept else run


async def tasks_of(platform: Platform, run: RunRow) -> Sequence[TaskRow]:
    """Return a run's tasks, the oldest first."""
    kept = await _kept(platform, run)
    return kept.tasks if kept else await platform.ledger.tasks(run.id)


async def history_of(
    platform: Platform, run: RunRow, after: int = 0
) -> Sequence[tuple[int, Entry]]:
    """Return a run's numbered history after an entry."""
    kept = await _kept(platform, run)
    if kept is None:
        return await platform.ledger.history(run.id, after)
    return [(seq, entry) for seq, entry in kept.history if seq > after]


async def _kept(platform: Platform, run: RunRow) -> Archived | None:
    return await Archive(platform.objects, platform.blobs).get(run.id) if run.archived else None
