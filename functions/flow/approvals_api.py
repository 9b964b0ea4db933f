"""Approvals over HTTP: list what people are asked, show it, answer it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from functions.flow.approval_views import ApprovalDetail  # noqa: TC001 - likewise
from functions.flow.approvals import answer, detail, find, known
from functions.host.assembly import Platform  # noqa: TC001 - FastAPI reads the annotation

if TYPE_CHECKING:
    from functions.host.ledger.rows.task import Work

router = APIRouter()
_FIRST: Final = (0.0, "", "")
"""What every page comes after."""


class Answered(BaseModel):
    """An answer, and whose it is."""

    model_config = ConfigDict(extra="forbid")
    answer: Any = Field(description="what the approval's schema describes")
    by: str | None = Field(None, min_length=1, description="who answers, by the caller's word")
    groups: list[str] = Field([], description="the groups that they are in, likewise")


@router.get("/approvals")
async def list_approvals(
    request: Request,
    assignee: Annotated[list[str] | None, Query(description="a user or a group")] = None,
    run: Annotated[str | None, Query(description="a run, with those that it awaits")] = None,
    after: Annotated[str | None, Query(description="the last approval of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> dict[str, list[ApprovalDetail]]:
    """List the open approvals, the longest open first.

    `assignee` leaves those out that only others may answer; of several one is enough.
    """
    platform: Platform = request.app.state.platform
    seen = _place((await find(platform, after)).work) if after else _FIRST
    if run is None:
        page = await platform.ledger.asking(assignee, seen, limit)
    else:
        below = await platform.ledger.asking_below([run], assignee)
        page = [work for _, work in below if _place(work) > seen][:limit]
    ids = {work.run.id for work in page}
    out = {each: await platform.ledger.tasks(each, closed=False) for each in ids}
    found = [await known(platform, work, out[work.run.id]) for work in page]
    return {"approvals": [detail(each) for each in found]}


def _place(work: Work) -> tuple[float, str, str]:
    return work.task.requested_at, work.task.run, work.task.instance


@router.get("/approvals/{approval}")
async def show_approval(request: Request, approval: str) -> ApprovalDetail:
    """Show an approval: `open`, `answered`, or `gone`."""
    return detail(await find(request.app.state.platform, approval))


@router.post("/approvals/{approval}")
async def answer_approval(request: Request, approval: str, body: Answered) -> ApprovalDetail:
    """Answer it, once: the same again is the same, another answer is a 409.

    A suspended run takes the answer and goes on from it when it is resumed.
    """
    platform: Platform = request.app.state.platform
    asked = await find(platform, approval)
    return detail(await answer(platform, asked, body.answer, body.by, body.groups))
