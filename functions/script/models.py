"""What a script takes and returns: the DSL's `Script Process`."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator
from pydantic_settings import SettingsConfigDict

from functions.host.process.asked import Asked, Out
from functions.host.process.settings import Allowance
from functions.host.strict import Strict
from functions.host.web.endpoint import Place
from functions.host.web.limits import ExchangeLimits

__all__ = ["In", "Out", "Settings"]


class Settings(Allowance):
    """The settings of the script tool."""

    model_config = SettingsConfigDict(env_prefix="TENDRIL_SCRIPT_", env_file=".env", extra="ignore")

    source_timeout: float = Field(
        30.0, gt=0, le=290, description="seconds that fetching a script's source may take"
    )
    source_max_bytes: int = Field(1 << 20, gt=0, description="longest source that is fetched")
    source_seconds: float = Field(
        300.0, ge=0, description="seconds a fetched source is used before it is fetched again"
    )

    @property
    def source_limits(self) -> ExchangeLimits:
        """What fetching a source may take."""
        return ExchangeLimits(
            self.source_timeout,
            self.source_max_bytes,
            "TENDRIL_SCRIPT_SOURCE_TIMEOUT",
            "TENDRIL_SCRIPT_SOURCE_MAX_BYTES",
        )


class Source(Strict):
    """A script that lies elsewhere."""

    name: str | None = Field(None, description="The source's name, for people.")
    endpoint: Place = Field(description="Where the source lies.")


class In(Asked):
    """One script."""

    language: Literal["javascript", "js", "python"] = Field(
        description="The language: JavaScript (an ES module, run by node) or Python (run by the "
        "interpreter that this service runs on)."
    )
    code: str | None = Field(None, description="The script itself.")
    source: Source | None = Field(None, description="Where the script lies.")

    @model_validator(mode="after")
    def _something(self) -> Self:
        if (self.code is None) == (self.source is None):
            raise ValueError("give either 'code' or 'source'")
        return self
