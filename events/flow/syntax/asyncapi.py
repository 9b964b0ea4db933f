"""The arguments of `call: asyncapi`: publish a message or consume a subscription."""

from collections.abc import Iterator
from typing import ClassVar, Literal

from events.flow.syntax.authentication import AuthenticationReference
from events.flow.syntax.duration import Duration
from events.flow.syntax.listen import SubscriptionIterator
from events.flow.syntax.node import Fault, JsonMap, Maybe, Node
from events.flow.syntax.resource import ExternalResource
from events.flow.syntax.text import Expression, Integer

Protocol = Literal[
    "amqp",
    "amqp1",
    "anypointmq",
    "googlepubsub",
    "http",
    "ibmmq",
    "jms",
    "kafka",
    "mercure",
    "mqtt",
    "mqtt5",
    "nats",
    "pulsar",
    "redis",
    "sns",
    "solace",
    "sqs",
    "stomp",
    "ws",
]


class AsyncApiServer(Node):
    """One of the document's servers."""

    name: str
    variables: Maybe[JsonMap] = None


class AsyncApiMessage(Node):
    """A message to publish."""

    payload: Maybe[JsonMap] = None
    headers: Maybe[JsonMap] = None


class Consumption(Node):
    """How many messages to consume, or for how long."""

    one_of: ClassVar[tuple[str, ...]] = ("amount", "while", "until")
    amount: Maybe[Integer] = None
    for_: Maybe[Duration] = None
    while_: Maybe[Expression] = None
    until: Maybe[Expression] = None


class AsyncApiSubscription(Node):
    """Messages to consume."""

    filter: Maybe[Expression] = None
    consume: Consumption
    foreach: Maybe[SubscriptionIterator] = None


class AsyncApiArguments(Node):
    """What `call: asyncapi` takes."""

    document: ExternalResource
    channel: Maybe[str] = None
    operation: Maybe[str] = None
    server: Maybe[AsyncApiServer] = None
    protocol: Maybe[Protocol] = None
    message: Maybe[AsyncApiMessage] = None
    subscription: Maybe[AsyncApiSubscription] = None
    authentication: Maybe[AuthenticationReference] = None

    @classmethod
    def rules(cls, value: JsonMap) -> Iterator[Fault]:
        """Ask for one operation (or channel) and one direction."""
        for pair in (("operation", "channel"), ("message", "subscription")):
            given = [name for name in pair if name in value]
            if len(given) != 1:
                found = "both" if given else "neither"
                yield (), f"expected exactly one of {', '.join(pair)}; found {found}"
