"""What an OpenAPI call takes and returns: the DSL's `OpenAPI Call`."""

from __future__ import annotations

from typing import Any

from pydantic import Field, RootModel
from pydantic_settings import SettingsConfigDict

from functions.host.strict import Strict
from functions.host.web.policies import Policy
from functions.host.web.resource import Resource
from functions.host.web.response import Output
from functions.host.web.settings import ExchangeSettings


class Settings(ExchangeSettings):
    """The settings of the openapi tool."""

    model_config = SettingsConfigDict(
        env_prefix="TENDRIL_OPENAPI_", env_file=".env", extra="ignore"
    )

    timeout: float = Field(
        30.0, gt=0, le=55, description="seconds the document may take, and then the operation"
    )
    max_bytes: int = Field(
        10 * 1024 * 1024, gt=0, description="longest document or response that is read"
    )
    document_seconds: float = Field(
        300.0, ge=0, description="seconds a fetched document is used before it is fetched again"
    )


class Description(Resource[dict[str, Any]]):
    """The OpenAPI document: where it lies, or itself."""


class In(Strict):
    """One operation of an API."""

    document: Description = Field(description="The document that describes the API.")
    operation_id: str = Field(
        alias="operationId", min_length=1, description="The operation's id in the document."
    )
    parameters: dict[str, Any] = Field(
        default_factory=dict,
        description="The operation's parameters by name. The names that are none of its own are "
        "properties of the request body; 'body' is the whole of it.",
    )
    authentication: Policy | None = Field(None, description="How to authenticate to the API.")
    output: Output = Field(
        "content",
        description="raw: the content in base64; content: the content, deserialised; response: "
        "status, headers and content.",
    )
    redirect: bool = Field(
        default=False,
        description="Whether statuses 300-399 are results instead of errors; none is followed.",
    )


class Out(RootModel[Any]):
    """The base64 text, the content or the response object, as `output` chose."""
