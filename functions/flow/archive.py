"""The archive: runs that ended, each as one compressed object under `archive/`.

A large value of a run lies in objects of its own, which go when the run leaves the ledger; the
archive has every value whole.
"""

from __future__ import annotations

import gzip
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

import orjson

from events.errors import RetryableError, ToolError
from functions.host.ledger.rows.history import Entry
from functions.host.ledger.rows.run import RunRow, RunStatus
from functions.host.ledger.rows.task import TaskRow, TaskState
from functions.host.objects.port import ObjectMissing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functions.host.blobs import Blobs
    from functions.host.objects import ObjectStore


Row = TypeVar("Row", RunRow, TaskRow)


@dataclass(frozen=True, slots=True)
class Archived:
    """What the archive has of a run; every packed value in it is JSON."""

    run: RunRow
    tasks: Sequence[TaskRow]
    history: Sequence[tuple[int, Entry]]


class Archive:
    """Puts runs into the object store, and gets them back."""

    def __init__(self, objects: ObjectStore, blobs: Blobs) -> None:
        self._objects, self._blobs = objects, blobs

    async def put(self, kept: Archived) -> None:
        """Store a run; again is the same."""
        run, tasks = await self._whole(kept.run), [await self._whole(task) for task in kept.tasks]
        document = {
            "run": asdict(run),
            "tasks": [asdict(task) for task in tasks],
            "history": [[seq, asdict(entry)] for seq, entry in kept.history],
        }
        await self._objects.put(_key(run.id), gzip.compress(orjson.dumps(document), mtime=0))

    async def get(self, run_id: str) -> Archived | None:
        """Return a run, None when the archive does not have it."""
        try:
            data = await self._objects.get(_key(run_id))
        except ObjectMissing:
            return None
        document: dict[str, Any] = orjson.loads(gzip.decompress(data))
        run = RunRow(**document["run"])
        tasks = [TaskRow(**task) for task in document["tasks"]]
        return Archived(
            replace(run, status=RunStatus(run.status), archived=True),
            [replace(task, state=TaskState(task.state)) for task in tasks],
            [(seq, Entry(**entry)) for seq, entry in document["history"]],
        )

    async def clear(self, owner: str) -> None:
        """Delete the large values of a run and of the events it sent, or of one that came."""
        for room in ("runs", "events"):
            for key in await self._objects.list(f"{room}/{owner}/"):
                await self._objects.delete(key)

    async def delete(self, run_id: str) -> None:
        """Delete a run from the archive."""
        await self._objects.delete(_key(run_id))

    async def _whole(self, row: Row) -> Row:
        """Return a row with its large values in place."""
        values: dict[str, Any] = {
            name: await self._text(packed)
            for name in ("input", "output", "outcome")
            if (packed := getattr(row, name, None)) and packed.startswith("@")
        }
        return replace(row, **values)

    async def _text(self, packed: str) -> str:
        try:
            value = await self._blobs.unpack(packed)
        except RetryableError:
            raise
        except ToolError as error:  # what is lost already must not keep the rest from being kept
            value = {"lost": error.problem.detail}
        return orjson.dumps(value).decode()


def _key(run_id: str) -> str:
    return f"archive/{run_id}.json.gz"
