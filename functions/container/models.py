"""What a container takes and returns: the DSL's `Container Process`, `Container Lifetime`."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from functions.host.process.asked import Asked, Out
from functions.host.process.program import Bounds
from functions.host.strict import Strict

__all__ = ["In", "Lifetime", "Out", "Settings"]

_MIB = 1 << 20


class Settings(BaseSettings):
    """The settings of the container tool."""

    model_config = SettingsConfigDict(
        env_prefix="TENDRIL_CONTAINER_", env_file=".env", extra="ignore"
    )

    engine: str = Field(
        "", description="podman or docker, by name or path; empty: whichever is installed"
    )
    timeout: float = Field(
        280.0, gt=0, le=290, description="seconds a container may take, and pulling its image"
    )
    max_bytes: int = Field(_MIB, gt=0, description="longest stdout, and longest stderr, in bytes")
    memory: int = Field(512 * _MIB, ge=0, description="bytes of memory of a container; 0: no limit")
    processes: int = Field(256, ge=0, description="processes of a container; 0: no limit")
    network: str = Field("", description="network of containers, such as none; empty: the engine's")
    volumes: str = Field("", description="folders that containers may mount, separated like PATH")
    publish: str = Field("127.0.0.1", description="address that containers' ports are published on")
    jobs: str = Field(
        "",
        description="where containers are Jobs: URL of the JobSinks, {name} for each one's name; "
        "empty: the engine runs them",
    )
    job_start: float = Field(
        600.0, gt=0, le=86_400, description="seconds until the container of a Job has begun"
    )
    job_timeout: float = Field(
        3_600.0, gt=0, le=86_400, description="seconds it may take from then on"
    )

    @property
    def bounds(self) -> Bounds:
        """What one command of the engine may take."""
        return Bounds(self.timeout, self.max_bytes, "TENDRIL_CONTAINER_")


class Lifetime(Strict):
    """When a container is removed."""

    cleanup: Literal["always", "never", "eventually"] = Field(
        description="always: at its end; eventually: some time after its start; never."
    )
    after: Any = Field(
        None,
        description="With eventually: an ISO 8601 duration or an object such as {minutes: 5}.",
    )


class In(Asked):
    """One container."""

    image: str = Field(pattern=r"^[A-Za-z0-9][^\s]*$", description="The name of the image to run.")
    name: str = Field(
        "", pattern=r"^(|[A-Za-z0-9][A-Za-z0-9_.-]*)$", description="The container's name."
    )
    command: str | None = Field(
        None,
        min_length=1,
        description="A command for the container's /bin/sh, instead of what the image starts; the "
        "arguments are its $1, $2, ...",
    )
    ports: dict[str, Any] = Field(
        default_factory=dict, description="Ports of the container by those of the host."
    )
    volumes: dict[str, str] = Field(
        default_factory=dict,
        description="Folders in the container, by those of the host or by the names of volumes.",
    )
    lifetime: Lifetime = Field(
        default=Lifetime(cleanup="never"), description="When the container is removed."
    )
    pull_policy: Literal["ifNotPresent", "always", "never"] = Field(
        "ifNotPresent", alias="pullPolicy", description="When the image is pulled."
    )

    @model_validator(mode="after")
    def _fed(self) -> Self:
        if self.stdin is not None and not self.wait:
            raise ValueError("'stdin' needs 'await: true': nobody is there to feed it")
        return self
