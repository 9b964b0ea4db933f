"""What an MCP call takes and returns: the DSL's `MCP Call`."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, RootModel, model_validator
from pydantic_settings import SettingsConfigDict

from functions.host.seconds import Seconds
from functions.host.strict import Strict
from functions.host.web.endpoint import Place, endpoint
from functions.host.web.settings import ExchangeSettings

Method = Literal[
    "tools/list",
    "tools/call",
    "prompts/list",
    "prompts/get",
    "resources/list",
    "resources/read",
    "resources/templates/list",
]
NAMED: Final = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}
"""The parameter that a method cannot do without."""


class Settings(ExchangeSettings):
    """The settings of the mcp tool."""

    model_config = SettingsConfigDict(env_prefix="TENDRIL_MCP_", env_file=".env", extra="ignore")

    timeout: float = Field(
        60.0, gt=0, le=110, description="seconds of a call that says nothing of its own"
    )
    max_bytes: int = Field(
        10 * 1024 * 1024, gt=0, description="longest answer that is read, over HTTP"
    )
    stdio: str = Field(
        "",
        description="commands that flows may start as MCP servers, separated by commas; none "
        "when empty, and * is any",
    )

    def starts(self, command: str) -> bool:
        """Tell whether the operator lets flows start a command."""
        allowed = {each.strip() for each in self.stdio.split(",")} - {""}
        return "*" in allowed or command in allowed


class Http(Strict):
    """A server that is reached over streamable HTTP."""

    endpoint: Place = Field(description="The server's URI, or an object with it.")
    headers: dict[str, str] = Field(
        default_factory=dict, description="Headers to send with every request."
    )

    @property
    def uri(self) -> str:
        """The endpoint's URI in either of its forms."""
        return endpoint(self.endpoint).uri


class Stdio(Strict):
    """A server that is started for the call, where the operator allows its command."""

    command: str = Field(min_length=1, description="The command to start.")
    arguments: tuple[str, ...] = Field((), description="The command's arguments.")
    environment: dict[str, str] = Field(
        default_factory=dict, description="Environment variables of the command."
    )


class Transport(Strict):
    """How the server is reached: one of the two."""

    http: Http | None = Field(None, description="Over streamable HTTP.")
    stdio: Stdio | None = Field(None, description="As a process.")
    options: dict[str, str] = Field(
        default_factory=dict, description="Options of other transports; these have none."
    )

    @model_validator(mode="after")
    def _either(self) -> Self:
        if (self.http is None) == (self.stdio is None):
            raise ValueError("give either 'http' or 'stdio'")
        return self


class Client(Strict):
    """Who the client says it is."""

    name: str = Field("tendril", description="The client's name.")
    version: str = Field("1.0.0", description="The client's version.")
    description: str | None = Field(None, description="A description, for people.")


Timeout = Annotated[Seconds, Field(gt=0, le=110)]


class In(Strict):
    """One request to an MCP server."""

    protocol_version: str = Field(
        "2025-06-18", alias="protocolVersion", description="The protocol's revision to ask for."
    )
    method: Method = Field(description="The method to call.")
    parameters: dict[str, Any] = Field(
        default_factory=dict, description="The method's parameters, as the protocol has them."
    )
    timeout: Timeout | None = Field(
        None, description="The duration after which the call times out, at most 110 seconds."
    )
    transport: Transport = Field(description="How the server is reached.")
    client: Client = Field(default_factory=Client, description="Who the client says it is.")

    @model_validator(mode="after")
    def _named(self) -> Self:
        name = NAMED.get(self.method)
        if name and not isinstance(self.parameters.get(name), str):
            raise ValueError(f"{self.method} needs the parameter '{name}', a string")
        return self


class Out(RootModel[Any]):
    """The JSON-RPC result, as the server gave it."""
