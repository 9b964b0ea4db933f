"""A number goes in, the number after it comes out."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class In(BaseModel):
    """A number."""

    model_config = ConfigDict(extra="forbid")
    n: int = Field(description="any number")


class Out(BaseModel):
    """The number after it."""

    n: int = Field(description="n + 1")
