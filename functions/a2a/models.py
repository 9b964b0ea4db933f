"""What an A2A call takes and returns: the DSL's `A2A Call`."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import Field, RootModel, model_validator
from pydantic_settings import SettingsConfigDict

from functions.host.strict import Strict
from functions.host.web.endpoint import Place
from functions.host.web.settings import ExchangeSettings

Method = Literal[
    "message/send",
    "message/stream",
    "tasks/get",
    "tasks/list",
    "tasks/cancel",
    "tasks/resubscribe",
    "tasks/pushNotificationConfig/set",
    "tasks/pushNotificationConfig/get",
    "tasks/pushNotificationConfig/list",
    "tasks/pushNotificationConfig/delete",
    "agent/getAuthenticatedExtendedCard",
]


class Settings(ExchangeSettings):
    """The settings of the a2a tool."""

    model_config = SettingsConfigDict(env_prefix="TENDRIL_A2A_", env_file=".env", extra="ignore")

    timeout: float = Field(
        140.0, gt=0, le=145, description="seconds the card may take, and then the agent"
    )
    max_bytes: int = Field(
        10 * 1024 * 1024, gt=0, description="longest card, and longest answer in all"
    )
    card_seconds: float = Field(
        300.0, ge=0, description="seconds a fetched card is used before it is fetched again"
    )


class Card(Strict):
    """The agent's card."""

    name: str | None = Field(None, description="The card's name, for people.")
    endpoint: Place = Field(description="Where the card lies: its URI, or an object with it.")


class In(Strict):
    """One request to an agent."""

    method: Method = Field(description="The method to call, as A2A 0.3 names it.")
    agent_card: Card | None = Field(
        None, alias="agentCard", description="The card that says where the agent is."
    )
    server: Place | None = Field(
        None, description="The agent's own URI, where no card is given: A2A 0.3 over JSON-RPC."
    )
    parameters: dict[str, Any] = Field(
        default_factory=dict,
        description="The method's parameters, as the agent's revision has them.",
    )

    @model_validator(mode="after")
    def _somewhere(self) -> Self:
        if self.agent_card is None and self.server is None:
            raise ValueError("give 'agentCard' or 'server'")
        return self


class Out(RootModel[Any]):
    """The JSON-RPC result; a list of them from a method that streams."""
