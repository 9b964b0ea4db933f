"""What flows give to tools, as models that take nothing they do not know."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Strict(BaseModel):
    """A frozen model in which an unknown property is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)
