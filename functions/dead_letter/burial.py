"""What becomes of an event that could not be delivered."""

from __future__ import annotations

import base64
import binascii
import uuid
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import orjson

from events.envelope import EnvelopeError, Event, to_structured
from events.errors import ErrorType, Problem, RetryableError, ToolError
from events.vocabulary import TASK_REQUESTED, Hop, identify, read_hop
from functions.host.ends import letter_id
from functions.host.ledger.parcels import ROOM, parcel_name
from functions.host.ledger.rows.letter import Letter, LetterStatus
from functions.host.ledger.rows.run import RunStatus
from functions.host.ledger.rows.task import TaskState, Work
from functions.host.outcomes import Outcome

if TYPE_CHECKING:
    from functions.host.assembly import Platform


@dataclass(frozen=True, slots=True)
class Cause:
    """Why the broker gave up, from the attributes it added."""

    destination: str
    code: int
    reason: str


class Burial:
    """Stores an event outside the ledger's fate, lists it, and faults the task it asked for."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._ledger, self._settler = platform.ledger, platform.settler
        self._emitter, self._clock = platform.emitter, platform.clock

    async def take(self, event: Event) -> None:
        """Take one dead letter; when this returns it is stored and acted upon."""
        hop = _hop(event)
        name = (
            letter_id(hop.run, hop.instance, hop.attempt)
            if hop
            else identify("letter", event.source, event.id)
        )
        _, body = to_structured(event)
        await self._platform.objects.put(f"letters/{name}", body)
        letter = self._letter(name, event, orjson.loads(body))
        work = await self._ledger.task(hop.run, hop.instance) if hop else None
        if hop and work:
            await self._act(letter, hop, work)
        else:
            await self._ledger.add_letter(await self._with_data_of_its_own(letter))

    def _letter(self, name: str, event: Event, document: dict[str, object]) -> Letter:
        cause = cause_of(event)
        return Letter(
            id=name,
            status=LetterStatus.OPEN,
            reason=cause.reason,
            code=cause.code,
            stored_at=self._clock(),
            trigger=cause.destination,
            event=document,
            tool=event.get("tool"),
        )

    async def _with_data_of_its_own(self, letter: Letter) -> Letter:
        """Return a letter about an event with a copy of its large data: those of the run go."""
        ref = str(letter.event.get("dataref") or "")
        if not ref.startswith(f"{ROOM}/"):
            return letter
        try:
            data = await self._platform.blobs.fetch(ref)
        except RetryableError:
            raise
        except ToolError:  # gone, or never ours: the letter says all there is
            return letter
        parcel = parcel_name(letter.id, uuid.uuid4().hex)
        await self._ledger.announce(parcel, self._clock())
        own = await self._platform.blobs.store(data, parcel, ROOM)
        return replace(letter, event={**letter.event, "dataref": own})

    async def _act(self, letter: Letter, hop: Hop, work: Work) -> None:
        run, task = work.run, work.task
        letter = replace(letter, run=run.id, instance=task.instance, tool=task.tool, flow=run.flow)
        await self._ledger.add_letter(letter)
        if task.state is TaskState.CLOSED and hop.event_id == task.event_id:
            await self._emit_again(letter, work)
        elif _unclaimed(work, hop):
            await self._fault(letter, work)
        else:
            await self._done(letter, LetterStatus.DISCARDED)

    async def _emit_again(self, letter: Letter, work: Work) -> None:
        opened = await self._emitter.reopened(work)
        await self._emitter.emit(work.run, opened, reply=False)
        if work.run.status is not RunStatus.FAULTED:
            await self._done(letter, LetterStatus.DISCARDED)

    async def _fault(self, letter: Letter, work: Work) -> None:
        detail = f"the event could not be delivered to {work.task.tool}: {letter.reason}"
        problem = Problem(ErrorType.COMMUNICATION, letter.code, "Not delivered", detail)
        packed = await self._platform.blobs.pack(Outcome(problem=problem).to_json(), work.run.id)
        task = await self._ledger.give_up(work, packed, self._clock())
        if task is None:
            await self._done(letter, LetterStatus.DISCARDED)
            return
        opened = await self._settler.settle(Work(task, work.run))
        run = await self._ledger.run(work.run.id)
        if run and run.status is not RunStatus.FAULTED:
            await self._done(letter, LetterStatus.CAUGHT)
        await self._emitter.emit(work.run, opened, reply=False)

    async def _done(self, letter: Letter, status: LetterStatus) -> None:
        await self._ledger.mark_letter(letter.id, LetterStatus.OPEN, status)


def _unclaimed(work: Work, hop: Hop) -> bool:
    task = work.task
    current = hop.event_id == task.event_id and hop.attempt == task.attempt
    return current and task.state is TaskState.REQUESTED and work.run.status is RunStatus.RUNNING


def _hop(event: Event) -> Hop | None:
    if event.type != TASK_REQUESTED:
        return None
    try:
        return read_hop(event)
    except EnvelopeError:
        return None  # forged or damaged: kept as a letter of its own, it moves no task


def cause_of(event: Event) -> Cause:
    """Read `knativeerrordest`, `knativeerrorcode` and `knativeerrordata`."""
    code = event.get("knativeerrorcode") or ""
    data = event.get("knativeerrordata") or ""
    try:
        text = base64.b64decode(data, validate=True).decode("utf-8", "replace").strip()
    except (binascii.Error, ValueError):
        text = data
    number = int(code) if code.isdigit() else 500
    reason = f"HTTP {number}" + (f": {text}" if text else "")
    return Cause(event.get("knativeerrordest") or "", number, reason)
