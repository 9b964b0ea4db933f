"""Approvals over HTTP: list what people are asked, show it, answer it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from functions.flow.approval_views import ApprovalDetail  # noqa: TC001 - likewise
from functions.flow.approvals import Asked, answer, detail, find, known
from functions.host.assembly import Platform  # noqa: TC001 - FastAPI reads the annotation

if TYPE_CHECKING:
    from functions.host.ledger.rows.task import TaskRow, Work

router = APIRouter()
_PAGE: Final = 500


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
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> dict[str, list[ApprovalDetail]]:
    """List the open approvals, the longest open first.

    `assignee` leaves those out that only others may answer; of several one is enough.
    """
    platform: Platform = request.app.state.platform
    found: list[Asked] = []
    after = 0.0, "", ""
    while True:
        page = await _page(platform, run, after)
        out: dict[str, list[TaskRow]] = {}
        for work in page:
            if work.run.id not in out:
                out[work.run.id] = await platform.ledger.tasks(work.run.id, closed=False)
            asked = await known(platform, work, out[work.run.id])
            if assignee is None or asked.concerns(assignee):
                found.append(asked)
            if len(found) == limit:
                break
        if len(found) == limit or run is not None or len(page) < _PAGE:
            return {"approvals": [detail(each) for each in found]}
        last = page[-1].task
        after = last.requested_at, last.run, last.instance


async def _page(platform: Platform, run: str | None, after: tuple[float, str, str]) -> list[Work]:
    if run is None:
        return await platform.ledger.asking(after, _PAGE)
    return [work for _, work in await platform.ledger.asking_below([run])]


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
