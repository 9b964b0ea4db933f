"""The settings of the command line itself."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """What `tendril` reads from the environment and from `.env`."""

    model_config = SettingsConfigDict(env_prefix="TENDRIL_", env_file=".env", extra="ignore")

    url: str | None = Field(
        default=None,
        description="The platform that the commands talk to; without it the one in ./.tendril, "
        "else http://127.0.0.1:8080.",
    )
