"""The call task: a built-in protocol or a function of a catalog, with its arguments."""

from collections.abc import Iterator, Mapping
from functools import cached_property
from importlib import import_module
from typing import Annotated, ClassVar, Final

from pydantic import AfterValidator, Field, ValidationInfo

from events.flow.syntax.base import TaskBase
from events.flow.syntax.listen import SubscriptionIterator
from events.flow.syntax.node import Fault, JsonMap, Node

BUILT_IN: Final[Mapping[str, str]] = {
    "asyncapi": "AsyncApiArguments",
    "grpc": "GrpcArguments",
    "http": "HttpArguments",
    "openapi": "OpenApiArguments",
    "a2a": "A2aArguments",
    "mcp": "McpArguments",
}
"""The protocols that the DSL itself defines, and the model of each one's arguments.

A protocol is executed by the function of the catalog that has its name.
"""
ENDPOINTS: Final[Mapping[str, tuple[tuple[str, ...], ...]]] = {
    "asyncapi": (("document", "endpoint"),),
    "grpc": (("proto", "endpoint"),),
    "http": (("endpoint",),),
    "openapi": (("document", "endpoint"),),
    "a2a": (("agentCard", "endpoint"), ("server",)),
    "mcp": (("transport", "http", "endpoint"),),
}
"""Where each one's arguments have endpoints: a URI template, or an object with it as `uri`."""
AUTHENTICATIONS: Final[Mapping[str, tuple[tuple[str, ...], ...]]] = {
    "asyncapi": (("authentication",), ("document", "endpoint", "authentication")),
    "grpc": (("service", "authentication"), ("proto", "endpoint", "authentication")),
    "http": (("endpoint", "authentication"),),
    "openapi": (("authentication",), ("document", "endpoint", "authentication")),
    "a2a": (("server", "authentication"), ("agentCard", "endpoint", "authentication")),
    "mcp": (("transport", "http", "endpoint", "authentication"),),
    "script": (("source", "endpoint", "authentication"),),
}
"""Where each one's arguments have authentication policies, the callee's own first; a script too."""
KEPT: Final[Mapping[str, tuple[tuple[str, ...], ...]]] = {
    "asyncapi": (
        ("subscription", "filter"),
        ("subscription", "consume", "while"),
        ("subscription", "consume", "until"),
    ),
}
"""Where arguments are expressions that the function itself evaluates, time and again."""


def _arguments(protocol: str) -> type[Node]:
    # loaded when a flow calls the protocol, for the sake of cold starts
    module = "asyncapi" if protocol == "asyncapi" else "protocols"
    model: type[Node] = getattr(import_module(f"events.flow.syntax.{module}"), BUILT_IN[protocol])
    return model


def _fitting(value: JsonMap, info: ValidationInfo) -> JsonMap:
    """Check the arguments against the protocol's model; keep them as they were written."""
    protocol = info.data.get("call", "")
    if protocol in BUILT_IN:
        _arguments(protocol).model_validate(value)
    return value


class CallTask(TaskBase):
    """Calls `call` with the arguments `with_`: plain JSON as written, expressions in it."""

    keyword: ClassVar[str] = "call"
    foreach_at: ClassVar[tuple[str, ...]] = ("with", "subscription", "foreach")
    call: str
    with_: Annotated[JsonMap, AfterValidator(_fitting)] = Field(default_factory=dict)

    @cached_property
    def foreach(self) -> SubscriptionIterator | None:
        """The iteration over the messages that a call of `asyncapi` subscribes to."""
        subscription = self.with_.get("subscription") if self.call == "asyncapi" else None
        if subscription is None or "foreach" not in subscription:
            return None
        return SubscriptionIterator.model_validate(subscription["foreach"])

    @property
    def arguments(self) -> JsonMap:
        """What the function is given: all but what is done with the messages."""
        if self.foreach is None:
            return self.with_
        kept = {
            name: each for name, each in self.with_["subscription"].items() if name != "foreach"
        }
        return {**self.with_, "subscription": kept}

    @classmethod
    def rules(cls, value: JsonMap) -> Iterator[Fault]:
        """Ask for the arguments of a built-in protocol."""
        protocol = value.get("call")
        if isinstance(protocol, str) and protocol in BUILT_IN and "with" not in value:
            takes = ", ".join(_arguments(protocol).properties())
            yield (), f"the property 'with' is missing; '{protocol}' takes {takes}"
