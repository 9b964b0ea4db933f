"""What the API shows of a run's trace."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from functions.flow.run_views import RunDetail


class AttemptView(BaseModel):
    """One attempt at a hop; durations in milliseconds, null while unknown."""

    attempt: int
    requestedAt: str | None = None  # noqa: N815 - JSON's case
    claimedAt: str | None = Field(None, description="when the tool took it up")  # noqa: N815
    queuedMs: float | None = Field(  # noqa: N815
        None, description="from the request until then, but for the cold start"
    )
    cold: bool | None = Field(None, description="whether it was the first of a new process")
    coldMs: float | None = Field(  # noqa: N815
        None, description="how long it waited for that process to start"
    )
    workMs: float | None = None  # noqa: N815
    lost: int = Field(0, description="claims that came to nothing: their host died or froze")
    outcome: str = Field(
        "requested", description="requested, claimed, retrying, completed, faulted or cancelled"
    )
    problem: dict[str, Any] | None = None
    usage: dict[str, float] | None = Field(None, description="what the tool says it used")
    retryAt: str | None = None  # noqa: N815


class MissingView(BaseModel):
    """A request that nobody has taken up for long, or whose taker went silent."""

    since: str | None
    asked: int = Field(description="how often its event was sent")
    heardOf: str | None = Field(  # noqa: N815
        description="when the tool last took up any task; null: never"
    )
    reason: str


class HopView(BaseModel):
    """One thing that happened in a run because of another."""

    kind: str = Field(
        description="task (of a tool), run (of another flow), timer, join (of a fork's branches), "
        "retry (by a try), emitted, heard, listening (for events), escalated (others are "
        "asked), steered (by people)"
    )
    instance: str
    task: str = Field(description="a JSON pointer into the flow")
    cause: str | None = Field(description="the instance that it followed; null: the run's start")
    level: int = Field(description="how many forks it lies in")
    at: str | None
    state: str = Field(description="where it stands, or how it ended")
    tool: str | None = None
    version: str | None = None
    attempts: list[AttemptView] = []
    detail: dict[str, Any] = {}
    missing: MissingView | None = None


class TotalsView(BaseModel):
    """What a run took in all; durations in milliseconds."""

    attempts: int
    queuedMs: float  # noqa: N815
    coldMs: float  # noqa: N815
    workMs: float  # noqa: N815
    usage: dict[str, float] = Field({}, description="by what its tools call it")


class TraceView(BaseModel):
    """A run's causal tree: each hop follows its cause and comes before its effects."""

    run: RunDetail
    hops: list[HopView]
    totals: TotalsView
