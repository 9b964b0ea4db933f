"""Which providers the llm tool asks, and how long it waits for them."""

from __future__ import annotations

from typing import Final

from pydantic import BaseModel, ConfigDict, Field
from pydantic_settings import BaseSettings, SettingsConfigDict

_MILLION: Final = 1_000_000
PLATFORM: Final = "inference"
"""The platform's own provider: the service of this name."""


class Provider(BaseModel):
    """One OpenAI-compatible endpoint."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1, description="What flows and errors call it.")
    url: str = Field(pattern=r"^https?://", description="Its base URL, which ends in /v1 mostly.")
    model: str = Field("default", description="The model it is asked for.")
    api_key_env: str = Field("", description="The environment variable that holds its key.")
    timeout: float = Field(110.0, gt=0, description="Seconds it may take for one answer.")
    input_price: float = Field(
        0.0, ge=0, description="What a million tokens of questions cost, in your currency."
    )
    output_price: float = Field(
        0.0, ge=0, description="What a million tokens of answers cost, in your currency."
    )

    def price(self, question: int, answer: int) -> float:
        """Return what so many tokens of a question and of its answer cost."""
        return (question * self.input_price + answer * self.output_price) / _MILLION


class Settings(BaseSettings):
    """The settings of the llm tool; durations are in seconds."""

    model_config = SettingsConfigDict(env_prefix="TENDRIL_LLM_", env_file=".env", extra="ignore")

    providers: list[Provider] = Field(
        default_factory=list,
        description="JSON list of {name, url, model, api_key_env, timeout, input_price, "
        "output_price}, asked in this order; "
        "empty: the platform's own inference service",
    )
    breaker_failures: int = Field(
        5, ge=1, description="failures in a row after which a provider is left alone"
    )
    breaker_seconds: float = Field(
        30.0, gt=0, description="how long it is left alone before one request tries it again"
    )

    def chain(self, services: str) -> tuple[Provider, ...]:
        """Return the providers in the order they are asked.

        `services` is the URL template of the platform's own services.
        """
        own = Provider(name=PLATFORM, url=services.replace("{name}", PLATFORM) + "/v1")
        return tuple(self.providers) or (own,)
