"""What an operator may set for every host: typed `TENDRIL_*` variables, also from `.env`.

A tool's own settings are a `Settings` class in its models.py; `python -m functions.host.settings`
lists all of them, for people or with `--json`.
"""

import importlib
import json
import sys
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """The settings of the host that every tool shares; durations are in seconds."""

    model_config = SettingsConfigDict(env_prefix="TENDRIL_", env_file=".env", extra="ignore")

    data: Path = Field(Path(".tendril"), description="folder of the embedded stores")
    host: str = Field("127.0.0.1", description="address that services bind")
    services: str = Field(
        "http://127.0.0.1:8080/services/{name}",
        description="URL template of a sibling service",
    )
    tools: str = Field("", description="folders of your own tools, separated like PATH")
    ledger: SecretStr = Field(
        SecretStr(""),
        description="ledger URL (sqlite:///file, postgresql://user:password@host/database); "
        "empty: sqlite in the data folder",
    )
    ledger_connections: int = Field(
        8, ge=1, description="most connections of one host to a ledger on PostgreSQL"
    )
    objects: str = Field(
        "", description="object store URL (file:///folder, s3://bucket/prefix); empty: data folder"
    )
    secrets_dir: Path | None = Field(
        None,
        description="folder of secrets, a file or a folder each; asked after TENDRIL_SECRET_<NAME>",
    )
    egress_allow: str = Field("", description="CIDRs that tools may reach beside public ones")
    dataref_threshold: int = Field(65_536, description="bytes above which a value leaves events")
    lease: float = Field(15.0, description="seconds a claim lives without a heartbeat")
    sweep_interval: float = Field(1.0, description="seconds between two sweeps of the ledger")
    request_grace: float = Field(
        5.0, description="seconds before an unclaimed request is emitted again; doubles each time"
    )
    request_limit: int = Field(8, description="emissions of a request before it is a dead letter")
    claim_limit: int = Field(8, description="claims that may expire before it is a dead letter")
    retry_attempts: int = Field(5, description="attempts at a task that answers retryable errors")
    retry_delay: float = Field(1.0, description="first back-off of the platform's retry policy")
    retry_max_delay: float = Field(60.0, description="longest back-off of the retry policy")
    max_steps: int = Field(100_000, description="steps a run may take before it faults")
    inbox_ttl: float = Field(
        86_400.0, description="seconds an event is kept for runs that will listen to it"
    )
    budget_tokens: int = Field(0, ge=0, description="tokens of a run at the most; 0: no limit")
    budget_cost: float = Field(0, ge=0, description="cost of a run at the most; 0: no limit")
    budget_calls: int = Field(0, ge=0, description="calls of a run at the most; 0: no limit")
    budget_time: float = Field(0, ge=0, description="seconds of a run at the most; 0: no limit")
    unmatched_kept: int = Field(1_000, description="events kept that no flow waited for")
    retention: float = Field(
        604_800.0,
        ge=0,
        description="seconds a run stays in the ledger after its end; then the archive has it",
    )
    archive_retention: float = Field(
        0.0, ge=0, description="seconds the archive keeps a run after its end; 0: for ever"
    )
    ledger_max_pages: int = Field(0, description="SQLite max_page_count of the ledger; 0: no limit")
    lifecycle: Literal["off", "workflows", "all"] = Field(
        "workflows", description="lifecycle events of the DSL: off, of workflows, or of tasks too"
    )
    lifecycle_statuses: bool = Field(
        default=False, description="publish the optional status-changed lifecycle events too"
    )
    log_level: str = Field("INFO", description="DEBUG, INFO, WARNING or ERROR")
    port: int = Field(8000, validation_alias="PORT", description="port a service listens on")
    sink: str = Field(
        "http://127.0.0.1:8080/default/default",
        validation_alias="K_SINK",
        description="the broker; set by SinkBinding or the local runtime",
    )
    service: str = Field("", validation_alias="K_SERVICE", description="this service's name")

    @property
    def ledger_url(self) -> str:
        """The ledger's URL, password and all, with the embedded default filled in."""
        return self.ledger.get_secret_value() or f"sqlite:///{self.data.resolve()}/ledger.db"

    @property
    def objects_url(self) -> str:
        """The object store's URL with the embedded default filled in."""
        return self.objects or f"file://{self.data.resolve()}/objects"


def listed() -> list[dict[str, Any]]:
    """Return every setting of the host and of the installed tools and services.

    Each is {name, value, default, description, owner}; secrets are masked.
    """
    found = _rows(Settings, "host")
    folders = Path(__file__).parents[1]
    for file in sorted([*folders.glob("*/models.py"), *folders.glob("*/settings.py")]):
        name = file.parent.name
        module = importlib.import_module(f"functions.{name}.{file.stem}")
        if hasattr(module, "Settings") and name != "host":
            found += _rows(module.Settings, name.replace("_", "-"))
    return found


def _rows(settings: type[BaseSettings], owner: str) -> list[dict[str, Any]]:
    values = settings().model_dump(mode="json")
    prefix = settings.model_config.get("env_prefix", "")
    return [
        {
            "name": field.validation_alias or f"{prefix}{name}".upper(),
            "value": values[name],
            "default": json.loads(
                json.dumps(field.get_default(call_default_factory=True), default=str)
            ),
            "description": field.description or "",
            "owner": owner,
        }
        for name, field in settings.model_fields.items()
    ]


def main(arguments: list[str]) -> int:
    """Print the settings, as JSON with `--json`."""
    rows = listed()
    if "--json" in arguments:
        sys.stdout.write(json.dumps(rows) + "\n")
    else:
        sys.stdout.writelines(
            f"{row['name']}={row['value']}  # {row['description']}\n" for row in rows
        )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
