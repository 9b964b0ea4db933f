"""What the API shows of approvals."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field


class ApprovalView(BaseModel):
    """What a person is asked, in short."""

    id: str
    state: str = Field(description="open, answered, or gone: it was over before anybody answered")
    run: str = Field(description="the run whose task asks")
    flow: str
    task: str
    title: str | None
    assignees: list[str] = Field(description="who may answer now; where there are none, anybody")
    since: str | None
    due: str | None = Field(description="when the task times out")
    escalated: int = Field(description="how many steps of the escalation have been taken")
    suspended: bool = Field(description="whether an answer has to wait until the run is resumed")


class ApprovalDetail(ApprovalView):
    """One approval with all that people are shown, and its answer."""

    description: str | None
    data: Any
    schema_: Any = Field(serialization_alias="schema")
    answer: Any = None
    by: str | None = None
    at: str | None = Field(None, description="when it was answered")
