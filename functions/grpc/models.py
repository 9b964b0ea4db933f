"""What a gRPC call takes and returns: the DSL's `gRPC Call`."""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, RootModel
from pydantic_settings import SettingsConfigDict

from functions.host.strict import Strict
from functions.host.web.policies import TokenPolicy
from functions.host.web.resource import Resource
from functions.host.web.settings import ExchangeSettings


class Settings(ExchangeSettings):
    """The settings of the grpc tool."""

    model_config = SettingsConfigDict(env_prefix="TENDRIL_GRPC_", env_file=".env", extra="ignore")

    timeout: float = Field(
        30.0, gt=0, le=55, description="seconds the document may take, and then the call"
    )
    max_bytes: int = Field(
        10 * 1024 * 1024, gt=0, description="longest document, and longest answer in all"
    )
    document_seconds: float = Field(
        300.0, ge=0, description="seconds a fetched document is used before it is fetched again"
    )
    plaintext: str = Field(
        "localhost,127.0.0.1,*.svc,*.svc.cluster.local",
        description="hosts that are called without TLS, separated by commas; * is any text",
    )
    roots: Path | None = Field(
        None, description="PEM file of the roots that certificates are checked against; gRPC's own"
    )
    protos: Path | None = Field(
        None, description="folder of the documents that file:// endpoints name; none when empty"
    )

    def is_plaintext(self, host: str) -> bool:
        """Tell whether a host is called without TLS."""
        patterns = (each.strip().lower() for each in self.plaintext.split(","))
        return any(fnmatchcase(host.lower(), pattern) for pattern in patterns)


class Proto(Resource[Annotated[str, Field(min_length=1)]]):
    """The document that describes the service: where it lies, or itself."""


class Service(Strict):
    """The service to call, and where it is."""

    name: str = Field(min_length=1, description="The service's full name: package.Service.")
    host: str = Field(min_length=1, max_length=253, description="The host that serves it.")
    port: int = Field(443, ge=1, le=65535, description="The host's port.")
    authentication: TokenPolicy | None = Field(
        None, description="How to authenticate, in the metadata; digest is HTTP's alone."
    )


class In(Strict):
    """One call of a method."""

    proto: Proto = Field(description="The proto document that describes the service.")
    service: Service = Field(description="The service to call, and where it is.")
    method: str = Field(min_length=1, description="The name of the method.")
    arguments: dict[str, Any] = Field(
        default_factory=dict,
        description="The request message, in protobuf's JSON mapping.",
    )


class Out(RootModel[Any]):
    """The answer in protobuf's JSON mapping; a list of them from a method that streams."""
