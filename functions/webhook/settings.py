"""What an operator may set for the webhook service, beside the host's settings."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Where hooks are declared."""

    model_config = SettingsConfigDict(
        env_prefix="TENDRIL_WEBHOOK_", env_file=".env", extra="ignore"
    )

    hooks: Path | None = Field(
        None, description="file that declares the hooks; unset: hooks.yaml in the data folder"
    )
