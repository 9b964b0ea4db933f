"""The least a tool can take and give."""

from pydantic import BaseModel, ConfigDict, Field


class In(BaseModel):
    """A number."""

    model_config = ConfigDict(extra="forbid")
    n: int = Field(0, description="any number")


class Out(BaseModel):
    """The number after it."""

    n: int = Field(description="n + 1")
