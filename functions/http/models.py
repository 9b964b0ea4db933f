"""What an HTTP call takes and returns: the DSL's `HTTP Call`, `HTTP Request`, `HTTP Response`."""

from __future__ import annotations

from typing import Any

from pydantic import Field, RootModel
from pydantic_settings import SettingsConfigDict

from functions.host.strict import Strict
from functions.host.web.endpoint import Place
from functions.host.web.response import Output
from functions.host.web.settings import ExchangeSettings

Scalar = str | int | float | bool


class Settings(ExchangeSettings):
    """The settings of the http tool."""

    model_config = SettingsConfigDict(env_prefix="TENDRIL_HTTP_", env_file=".env", extra="ignore")

    timeout: float = Field(
        30.0, gt=0, le=110, description="seconds from connecting to the response's last byte"
    )
    max_bytes: int = Field(
        10 * 1024 * 1024, gt=0, description="longest response that is read, after decompression"
    )


class In(Strict):
    """One HTTP request."""

    method: str = Field(pattern=r"^[A-Za-z]{1,20}$", description="The HTTP method, in any case.")
    endpoint: Place = Field(description="The URI, or an object with it.")
    headers: dict[str, Scalar] = Field(
        default_factory=dict,
        description="Headers to send. An empty Idempotency-Key keeps ours from being sent.",
    )
    query: dict[str, Scalar | list[Scalar] | None] = Field(
        default_factory=dict,
        description="Query parameters; a list repeats its name, null leaves it out.",
    )
    body: Any = Field(
        None,
        description="The body: text is sent as it is; other values as JSON, or as a form where "
        "the Content-Type header says so.",
    )
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
