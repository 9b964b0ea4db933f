"""What the effect is and where it happens."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class In(BaseModel):
    """One effect."""

    model_config = ConfigDict(extra="forbid")
    url: str = Field(description="the server that counts")
    n: int = Field(description="any number")
    text: str = Field("", description="what else the server gets")


class Out(BaseModel):
    """The number after it."""

    n: int = Field(description="n + 1, as the server says")
    usage: dict[str, float] | None = Field(None, description="what the server says it used")
