"""What a shell command takes and returns: the DSL's `Shell Process`."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from functions.host.process.asked import Asked, Out
from functions.host.process.settings import Allowance

__all__ = ["In", "Out", "Settings"]


class Settings(Allowance):
    """The settings of the shell tool."""

    model_config = SettingsConfigDict(env_prefix="TENDRIL_SHELL_", env_file=".env", extra="ignore")


class In(Asked):
    """One command for the shell."""

    command: str = Field(
        min_length=1, description="The command, for /bin/sh; the arguments are its $1, $2, ..."
    )
