"""The settings of the command line itself."""

from __future__ import annotations

from typing import TypeVar

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from knative.cli.exits import UsageError
from knative.settings import Settings as Platform
from knative.settings import explained

S = TypeVar("S", bound=BaseSettings)


class Settings(BaseSettings):
    """What `tendril` reads from the environment and from `.env`."""

    model_config = SettingsConfigDict(env_prefix="TENDRIL_", env_file=".env", extra="ignore")

    url: str | None = Field(
        default=None,
        description="the platform that the commands talk to; without it the one in ./.tendril, "
        "else http://127.0.0.1:8080",
    )


def client() -> Settings:
    """Return the command line's settings; a value that cannot be is bad usage."""
    return _read(Settings)


def platform() -> Platform:
    """Return the local runtime's settings; a value that cannot be is bad usage."""
    return _read(Platform)


def _read(kind: type[S]) -> S:
    try:
        return kind()
    except ValidationError as error:
        raise UsageError(explained(error)) from error
