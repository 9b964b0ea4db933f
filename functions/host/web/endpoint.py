"""An endpoint of the DSL as the tools take it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from functions.host.strict import Strict
from functions.host.web.policies import Policy


class Endpoint(Strict):
    """Where something is."""

    uri: str = Field(min_length=1, description="The endpoint's URI, http or https.")
    authentication: Policy | None = Field(None, description="How to authenticate there.")


Place = Annotated[str, Field(min_length=1)] | Endpoint
"""A URI, or an object with it."""


def endpoint(place: Place) -> Endpoint:
    """Return an endpoint in either of its forms as an object."""
    return Endpoint(uri=place) if isinstance(place, str) else place
