"""Retry policies: whether, when, how often and how long to try again."""

from typing import ClassVar

from events.flow.syntax.duration import Duration
from events.flow.syntax.node import JsonMap, Maybe, Node
from events.flow.syntax.text import Integer


class Backoff(Node):
    """How the delay grows from attempt to attempt."""

    one_of: ClassVar[tuple[str, ...]] = ("constant", "exponential", "linear")
    constant: Maybe[JsonMap] = None
    exponential: Maybe[JsonMap] = None
    linear: Maybe[JsonMap] = None


class AttemptLimit(Node):
    """The limits of each attempt."""

    count: Maybe[Integer] = None
    duration: Maybe[Duration] = None


class RetryLimit(Node):
    """When to give up."""

    attempt: Maybe[AttemptLimit] = None
    duration: Maybe[Duration] = None


class Jitter(Node):
    """A random span that each delay is lengthened by."""

    from_: Duration
    to: Duration


class RetryPolicy(Node):
    """One policy, given in place or under `use.retries`."""

    when: Maybe[str] = None
    except_when: Maybe[str] = None
    delay: Maybe[Duration] = None
    backoff: Maybe[Backoff] = None
    limit: Maybe[RetryLimit] = None
    jitter: Maybe[Jitter] = None
