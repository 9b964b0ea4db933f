"""Dead letters over HTTP: list, show, redrive one or many; and the unmatched events."""

from __future__ import annotations

from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from functions.flow.letter_views import LetterView, letter_view
from functions.flow.redrive import check_open, redrive
from functions.flow.renewal import UNEDITED, renew
from functions.host.assembly import Platform  # noqa: TC001 - FastAPI reads the annotation
from functions.host.faults import Refused
from functions.host.ledger.rows.letter import Letter, LetterStatus

router = APIRouter()
_MOST = 10_000


class Redrive(BaseModel):
    """How to redrive one letter."""

    model_config = ConfigDict(extra="forbid")
    input: Any = Field(default=None, description="a corrected input for the task, if given")
    flowVersion: str | None = Field(  # noqa: N815 - JSON's case
        default=None,
        description="a newer version of the flow: a new run on it, with the old one's input, takes "
        "over the results of unchanged tasks",
    )


class Selection(BaseModel):
    """Which open letters to redrive: every condition given must hold."""

    model_config = ConfigDict(extra="forbid")
    flow: str | None = None
    tool: str | None = None
    reason: str | None = Field(default=None, description="a part of the reason")


class BulkRedrive(BaseModel):
    """How to redrive many."""

    model_config = ConfigDict(extra="forbid")
    filter: Selection
    dryRun: bool = False  # noqa: N815 - JSON's case


class BulkResult(BaseModel):
    """What a bulk redrive selected and did."""

    selected: list[str]
    redriven: list[str]
    refused: list[dict[str, str]]


@router.get("/deadletters")
async def list_letters(
    request: Request,
    status: LetterStatus | None = None,
    flow: str | None = None,
    tool: str | None = None,
    reason: str | None = None,
    limit: Annotated[int, Query(ge=1, le=_MOST)] = 100,
) -> dict[str, list[LetterView]]:
    """List dead letters, the newest first."""
    platform: Platform = request.app.state.platform
    rows = await platform.ledger.letters(
        status=status, flow=flow, tool=tool, reason=reason, limit=limit
    )
    return {"deadletters": [letter_view(row, whole=False) for row in rows]}


@router.get("/deadletters/{letter_id}")
async def show_letter(request: Request, letter_id: str) -> LetterView:
    """Show a dead letter with its event, and its task's input as the event's data."""
    platform: Platform = request.app.state.platform
    letter = await _known(platform, letter_id)
    view = letter_view(letter, whole=True)
    if letter.run and letter.instance and "data" not in view.event:
        work = await platform.ledger.task(letter.run, letter.instance)
        if work:
            view.event = {**view.event, "data": await platform.blobs.unpack(work.task.input)}
    return view


@router.post("/deadletters/{letter_id}/redrive", status_code=202)
async def redrive_letter(
    request: Request, letter_id: str, body: Redrive | None = None
) -> dict[str, str | None]:
    """Redrive one: 202, or 409 with the reason; `run` is the run that goes on."""
    platform: Platform = request.app.state.platform
    letter = await _known(platform, letter_id)
    edited = body and "input" in body.model_fields_set
    if body and body.flowVersion is not None:
        if edited:
            reason = "an input corrects one task of the run as it is; a new run has the old one's"
            raise Refused(400, "Either input or flowVersion", reason)
        check_open(letter)
        run = await renew(platform, letter, body.flowVersion)
        return {"id": letter.id, "run": run.id}
    run_id = await redrive(platform, letter, body.input if body and edited else UNEDITED)
    return {"id": letter.id, "run": run_id}


@router.post("/deadletters/redrive", status_code=202)
async def redrive_many(request: Request, body: BulkRedrive) -> BulkResult:
    """Redrive every open letter that the filter selects, or only say which those are."""
    platform: Platform = request.app.state.platform
    chosen = body.filter
    letters = await platform.ledger.letters(
        status=LetterStatus.OPEN,
        flow=chosen.flow,
        tool=chosen.tool,
        reason=chosen.reason,
        limit=_MOST,
    )
    result = BulkResult(selected=[each.id for each in letters], redriven=[], refused=[])
    for letter in [] if body.dryRun else letters:
        try:
            await redrive(platform, letter)
        except Refused as error:
            result.refused.append({"id": letter.id, "reason": error.detail})
        else:
            result.redriven.append(letter.id)
    return result


@router.get("/unmatched")
async def list_unmatched(
    request: Request, limit: Annotated[int, Query(ge=1, le=1000)] = 100
) -> dict[str, list[dict[str, Any]]]:
    """List events that no flow waited for, the newest first."""
    events = await request.app.state.platform.ledger.unmatched(limit)
    return {"unmatched": [orjson.loads(event) for event in events]}


async def _known(platform: Platform, letter_id: str) -> Letter:
    letter = await platform.ledger.letter(letter_id)
    if letter is None:
        raise Refused(
            404, "Unknown dead letter", f"no dead letter {letter_id}; GET /deadletters lists them"
        )
    return letter
