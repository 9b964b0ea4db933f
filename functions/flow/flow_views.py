"""What the API shows of deployed flows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, Field

from functions.flow.moments import moment

if TYPE_CHECKING:
    from functions.host.ledger.rows.flow import FlowRow


class FlowView(BaseModel):
    """One deployed version."""

    namespace: str
    name: str
    version: str
    digest: str
    title: str = ""
    deployedAt: str | None = None  # noqa: N815 - JSON's case


class GatheredView(BaseModel):
    """The events that wait to start runs together, until the condition of `schedule.on` holds."""

    events: int
    gatherings: int = Field(description="each of the events of one correlation")
    since: str | None = Field(None, description="when the earliest of them came")


class FlowDetail(FlowView):
    """One deployed version with its text."""

    definition: dict[str, Any]
    source: str
    versions: list[str]
    functions: dict[str, str] = Field(description="the functions it calls, pinned")
    imports: dict[str, Any] = Field(description="what it refers to elsewhere, as it was then")
    gathered: GatheredView


def flow_view(row: FlowRow) -> FlowView:
    """Show a version."""
    return FlowView(
        namespace=row.namespace,
        name=row.name,
        version=row.version,
        digest=row.digest,
        title=row.title,
        deployedAt=moment(row.deployed_at),
    )
