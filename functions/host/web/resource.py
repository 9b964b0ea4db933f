"""A document of the DSL's external resources as the tools take it: where it lies, or itself."""

from __future__ import annotations

from typing import Generic, Self, TypeVar

from pydantic import Field, model_validator

from functions.host.strict import Strict
from functions.host.web.endpoint import Place

Content = TypeVar("Content")


class Resource(Strict, Generic[Content]):
    """Where a document lies, or the document itself; a subclass says what it describes."""

    name: str | None = Field(None, description="The document's name, for people.")
    endpoint: Place | None = Field(
        None, description="Where the document lies: its URI, or an object with it."
    )
    content: Content | None = Field(
        None, description="The document itself; instead of an endpoint."
    )

    @model_validator(mode="after")
    def _either(self) -> Self:
        if (self.endpoint is None) == (self.content is None):
            raise ValueError("give either 'endpoint' or 'content'")
        return self
