"""The settings of the platform on one machine: typed `TENDRIL_*` variables, also from `.env`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """What an operator may set for the local runtime; durations are in seconds."""

    model_config = SettingsConfigDict(env_prefix="TENDRIL_", env_file=".env", extra="ignore")

    host: str = Field(
        default="127.0.0.1",
        description="address the platform listens on; it has no authentication of its own",
    )
    port: int = Field(default=8080, ge=0, le=65535, description="its port; 0 takes a free one")
    data: Path = Field(default=Path(".tendril"), description="folder of everything it keeps")
    tools: str = Field(default="", description="folders of your own tools, separated like PATH")
    manifests: str = Field(
        default="",
        description="files or folders of your own Brokers, Triggers and PingSources, "
        "separated like PATH",
    )
    without: str = Field(
        default="",
        description="services not to run here, separated by commas; for instance inference, "
        "when a provider's model is used",
    )
    disorder: str = Field(
        default="",
        description="for tests: deliveries gone wrong on purpose, for instance "
        "seed=1,duplicate=0.2,delay=0.2:0.5,reorder=0.2",
    )
    max_event_bytes: int = Field(
        default=1024 * 1024, gt=0, description="largest body the broker takes, in bytes"
    )
    max_source_rate: float = Field(
        default=0.0,
        ge=0,
        allow_inf_nan=False,
        description="events a second that one CloudEvents source may publish, before its events "
        "are refused with 429; 0 for no limit",
    )
    max_undelivered: int = Field(
        default=500_000,
        ge=0,
        description="deliveries the broker may owe before it refuses events with 503; 0 for no "
        "bound",
    )
    max_undelivered_bytes: int = Field(
        default=2 * 1024**3,
        ge=0,
        description="bytes of events it may hold undelivered before it does; 0 for no bound",
    )
    min_free_bytes: int = Field(
        default=256 * 1024**2,
        ge=0,
        description="bytes of disk that have to stay free below the data folder, or it does; 0 "
        "for no bound",
    )
    delivery_concurrency: int = Field(
        default=64, gt=0, description="deliveries one Trigger may have under way"
    )
    scale_window: float = Field(
        default=60.0, ge=0, description="stable window of services that name none"
    )
    scale_grace: float = Field(
        default=30.0, ge=0, description="grace period before a service goes to zero"
    )
    liveness_period: float = Field(
        default=5.0, gt=0, description="pause between two liveness probes of a service"
    )
    liveness_timeout: float = Field(
        default=5.0, gt=0, description="how long a service may take to answer one"
    )
    liveness_failures: int = Field(
        default=3, gt=0, description="unanswered probes after which a service is killed"
    )
    drain: float = Field(
        default=30.0, ge=0, description="how long deliveries and services may take to end"
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="DEBUG, INFO, WARNING or ERROR"
    )

    @property
    def tool_folders(self) -> tuple[Path, ...]:
        """The folders of the user's own tools, absolute."""
        return _paths(self.tools)

    @property
    def manifest_paths(self) -> tuple[Path, ...]:
        """The user's own manifests, absolute."""
        return _paths(self.manifests)

    @property
    def left_out(self) -> frozenset[str]:
        """The names of the services not to run."""
        return frozenset(part.strip() for part in self.without.split(",") if part.strip())


def explained(error: ValidationError) -> str:
    """Return what is wrong with settings, each by the name of its variable."""
    return "; ".join(_named(item["loc"], item["msg"]) for item in error.errors())


def _named(path: tuple[int | str, ...], reason: str) -> str:
    return f"TENDRIL_{'_'.join(map(str, path)).upper()}: {reason}"


def _paths(text: str) -> tuple[Path, ...]:
    return tuple(Path(part).expanduser().resolve() for part in text.split(os.pathsep) if part)
