"""Redrive: a dead letter goes on from exactly where it stopped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson

from events.envelope import Event, parse
from events.vocabulary import digest
from functions.flow.renewal import UNEDITED, renew
from functions.host.faults import Refused
from functions.host.ledger.rows.letter import Letter, LetterStatus
from functions.host.ledger.rows.task import TaskState

if TYPE_CHECKING:
    from functions.host.assembly import Platform


async def redrive(platform: Platform, letter: Letter, edited: Any = UNEDITED) -> str | None:
    """Send one letter on its way again, and return the run that goes on, if it is about one.

    A run that faulted while no task was out, in its first step or by what an event brought, goes
    on as a new run that takes over its results; what is edited is then the run's input.
    Refused 409 says why a letter cannot be redriven.
    """
    check_open(letter)
    if letter.run is None:
        await _republish(platform, letter, edited)
    elif letter.instance is None:
        return (await renew(platform, letter, None, edited)).id
    else:
        await _reopen(platform, letter, edited)
    return letter.run


def check_open(letter: Letter) -> None:
    """Refuse a letter that somebody or something has seen to."""
    if letter.status is not LetterStatus.OPEN:
        raise Refused(409, "Not open", f"dead letter {letter.id} {_WHY[letter.status]}")


_WHY: Final = {
    LetterStatus.REDRIVEN: "was redriven already",
    LetterStatus.CAUGHT: "was handled by the flow's catch",
    LetterStatus.DISCARDED: "needed nothing: its task had gone on without it",
}


async def _reopen(platform: Platform, letter: Letter, edited: Any) -> None:
    new = None
    if edited is not UNEDITED and letter.tool is None:
        reason = f"{letter.instance} is a timer, which has no input; redrive it without one"
        raise Refused(409, "Nothing to edit", reason)
    if edited is not UNEDITED:
        new = (await platform.blobs.pack(edited, letter.run or ""), digest(edited))
    work = await platform.ledger.redrive(letter, platform.clock(), new)
    if work is None:
        raise Refused(
            409,
            "Moved on",
            f"run {letter.run} no longer stands at {letter.instance}; GET /runs/{letter.run} "
            "says where it is",
        )
    if work.task.state is TaskState.STARTING:
        await platform.settler.begin(work)
    elif work.task.state is TaskState.REQUESTED:
        await platform.emitter.request([work])


async def _republish(platform: Platform, letter: Letter, edited: Any) -> None:
    event = _original(letter)
    if edited is not UNEDITED:
        event = _original(letter, edited)
    ledger = platform.ledger
    if not await ledger.mark_letter(letter.id, LetterStatus.OPEN, LetterStatus.REDRIVEN):
        raise Refused(409, "Not open", f"dead letter {letter.id} was redriven just now")
    try:
        await platform.sink.publish([event])
    except Exception:
        await ledger.mark_letter(letter.id, LetterStatus.REDRIVEN, LetterStatus.OPEN)
        raise


def _original(letter: Letter, edited: Any = UNEDITED) -> Event:
    document = {k: v for k, v in letter.event.items() if not k.startswith("knative")}
    if edited is not UNEDITED:
        document.pop("data_base64", None)
        document |= {"data": edited, "datacontenttype": "application/json"}
    return parse([("content-type", "application/cloudevents+json")], orjson.dumps(document))
