"""What an AsyncAPI call takes and returns: the DSL's `AsyncAPI Call`."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, Field, RootModel, model_validator
from pydantic_settings import SettingsConfigDict

from functions.host.seconds import Seconds
from functions.host.strict import Strict
from functions.host.web.policies import Policy
from functions.host.web.resource import Resource
from functions.host.web.settings import ExchangeSettings

Protocol = Literal["amqp", "http", "mqtt", "mqtt5", "nats", "redis", "ws"]
"""Of the DSL's protocols those with a client here."""


class Settings(ExchangeSettings):
    """The settings of the asyncapi tool."""

    model_config = SettingsConfigDict(
        env_prefix="TENDRIL_ASYNCAPI_", env_file=".env", extra="ignore"
    )

    timeout: float = Field(
        30.0, gt=0, le=60, description="seconds the document may take, and then a message"
    )
    subscription: float = Field(
        200.0, gt=0, le=220, description="seconds that a subscription may last at most"
    )
    batch: float = Field(
        10.0,
        ge=0,
        description="seconds after its first message in which a call gathers others for `foreach`",
    )
    max_bytes: int = Field(
        10 * 1024 * 1024, gt=0, description="longest document, and longest messages in all"
    )
    document_seconds: float = Field(
        300.0, ge=0, description="seconds a fetched document is used before it is fetched again"
    )


class Description(Resource[dict[str, Any]]):
    """The AsyncAPI document: where it lies, or itself."""


class Server(Strict):
    """One of the document's servers."""

    name: str = Field(min_length=1, description="The server's name in the document.")
    variables: dict[str, Any] = Field(
        default_factory=dict, description="The values of the server's variables."
    )


class Outbound(Strict):
    """A message to publish."""

    payload: Any = Field(None, description="The message's payload.")
    headers: dict[str, Any] = Field(default_factory=dict, description="The message's headers.")


class Expression(Strict):
    """An expression that is evaluated on messages as they come."""

    program: str = Field(description="The jq program.")
    arguments: dict[str, Any] = Field(description="The arguments that it is given.")


class Consumption(Strict):
    """How many messages to consume, or for how long: one of the three, and `for` beside it."""

    amount: int | None = Field(None, ge=1, le=10_000, description="How many messages.")
    seconds: Annotated[Seconds, Field(gt=0)] | None = Field(
        None, alias="for", description="How long at most."
    )
    while_: Expression | None = Field(
        None, alias="while", description="Whether to go on, after each message."
    )
    until: Expression | None = Field(None, description="Whether to end, after each message.")

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(each is not None for each in (self.amount, self.while_, self.until)) != 1:
            raise ValueError("give one of 'amount', 'while' and 'until'")
        return self


class After(Strict):
    """What the calls before this one have consumed of the same subscription."""

    messages: list[Any] = Field(description="The messages that counted.")
    seconds: float = Field(ge=0, description="How long it took.")


class Subscription(Strict):
    """Messages to consume."""

    filter: Expression | None = Field(None, description="Which messages count.")
    consume: Consumption = Field(description="How many, or for how long.")
    after: After | None = Field(
        None, description="Go on after these, and say whether there is more to consume."
    )


class In(Strict):
    """One operation: a message to publish, or messages to consume."""

    document: Description = Field(description="The document that describes the API.")
    channel: str | None = Field(None, description="The channel, in a document of AsyncAPI 2.")
    operation: str | None = Field(None, description="The operation, in one of AsyncAPI 3.")
    server: Server | None = Field(None, description="The server; else the first that fits.")
    protocol: Protocol | None = Field(
        None, description="The protocol of the server, where no server is named."
    )
    message: Outbound | None = Field(None, description="The message to publish.")
    subscription: Subscription | None = Field(None, description="The messages to consume.")
    authentication: Policy | None = Field(
        None, description="How to authenticate to the server; brokers take no digest."
    )

    @model_validator(mode="after")
    def _complete(self) -> Self:
        for pair in (("channel", "operation"), ("message", "subscription")):
            if sum(getattr(self, name) is not None for name in pair) != 1:
                raise ValueError(f"give either '{pair[0]}' or '{pair[1]}'")
        return self


class Inbound(BaseModel):
    """A message that was consumed."""

    payload: Any = None
    headers: dict[str, Any] = Field(default_factory=dict)
    correlation_id: str | None = Field(None, serialization_alias="correlationId")


class Consumed(BaseModel):
    """What one call has consumed of a subscription that others may go on with."""

    messages: list[Any] = Field(description="The messages that counted, in order.")
    seconds: float = Field(description="How long all calls have taken.")
    over: bool = Field(description="Whether the subscription has what it is for.")
    error: dict[str, Any] | None = Field(
        None, description="The error that ended it after these messages."
    )


class Out(RootModel[Any]):
    """Null for a message that was published, else the consumed messages in order.

    Where the subscription says what was consumed before it, they are in an object: `Consumed`.
    """
