"""From ledger rows to events on the broker: the outbox, and the requests of a step."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from events.envelope import parse
from functions.host.hop_events import hop_message
from functions.host.ledger.rows.task import Work

if TYPE_CHECKING:
    from collections.abc import Sequence

    from events.envelope import Event, Message
    from functions.host.blobs import Blobs
    from functions.host.ledger import Ledger
    from functions.host.ledger.rows.run import RunRow
    from functions.host.ledger.rows.transition import Transition
    from functions.host.sink import Sink

_BY_SINK_EVERY: Final = 100
"""Every n-th hop of a run goes by K_SINK: a reply counts down a broker's TTL, this resets it."""


@dataclass(frozen=True, slots=True)
class Opened:
    """What a step left to emit: task requests, and whether the outbox has something too."""

    requests: Sequence[Work] = ()
    outbox: bool = True
    messages: Sequence[Message] | None = None
    """The events of `requests`, where they were made already."""

    def and_(self, other: Opened) -> Opened:
        """Return what two steps left."""
        return Opened([*self.requests, *other.requests], outbox=self.outbox or other.outbox)


NOTHING: Final = Opened(outbox=False)


def opened_by(run: RunRow, written: Transition) -> Opened:
    """Return what a transition left to emit."""
    requests = [Work(task, run) for task in written.requests]
    return Opened(requests, outbox=bool(written.outbox))


class Emitter:
    """Emits what the ledger says; emitting twice is the same events twice."""

    def __init__(self, ledger: Ledger, blobs: Blobs, sink: Sink) -> None:
        self._ledger, self._blobs, self._sink = ledger, blobs, sink

    async def emit(self, run: RunRow, opened: Opened, *, reply: bool) -> Message | None:
        """Emit a step's events: the outbox and all requests by K_SINK, but one as the reply.

        With `reply`, a single request is returned instead of sent, for the HTTP response.
        """
        if opened.outbox:
            await self.flush(run.id)
        if reply and len(opened.requests) == 1 and (run.steps + 1) % _BY_SINK_EVERY:
            return (await self._messages(opened))[0]
        await self._sink.send(await self._messages(opened))
        return None

    async def request(self, tasks: Sequence[Work]) -> None:
        """Publish the events that ask for tasks."""
        await self._sink.send([await hop_message(work, self._blobs) for work in tasks])

    async def made(self, opened: Opened) -> Opened:
        """Return the same with its events' messages, which need not wait for the commit."""
        return replace(opened, messages=await self._messages(opened))

    async def _messages(self, opened: Opened) -> Sequence[Message]:
        if opened.messages is not None:
            return opened.messages
        return [await hop_message(work, self._blobs) for work in opened.requests]

    async def flush(self, run_id: str | None, before: float = float("inf")) -> int:
        """Publish outbox events, of one run or of all; return how many."""
        waiting = await self._ledger.outbox(run_id, before, 1000)
        if waiting:
            await self._sink.publish([_stored(item.event) for item in waiting])
            await self._ledger.sent([item.id for item in waiting])
        return len(waiting)

    async def reopened(self, work: Work) -> Opened:
        """Return what a closed row's outcome opened and nobody took up yet."""
        return Opened(await self._ledger.requests_after(work.run.id, work.task.event_id))


def _stored(text: str) -> Event:
    return parse([("content-type", "application/cloudevents+json")], text.encode())
