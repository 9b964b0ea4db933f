"""Durations: an object of whole numbers, an ISO 8601 string, or an expression giving one."""

from collections.abc import Iterator
from typing import Annotated

from pydantic import Discriminator, Field, Tag

from events.flow.syntax.node import RULE, Fault, JsonMap, Maybe, Node, shape
from events.flow.syntax.text import DurationText

Count = Annotated[int, Field(strict=True, ge=0)]


class DurationParts(Node):
    """A duration as a sum of its parts; at least one of them."""

    days: Maybe[Count] = None
    hours: Maybe[Count] = None
    minutes: Maybe[Count] = None
    seconds: Maybe[Count] = None
    milliseconds: Maybe[Count] = None

    @classmethod
    def rules(cls, value: JsonMap) -> Iterator[Fault]:
        """Refuse the empty object."""
        if not value:
            yield (), f"expected at least one of {', '.join(cls.properties())}"


Duration = Annotated[
    Annotated[DurationText, Tag("<text>")] | Annotated[DurationParts, Tag("<object>")],
    Discriminator(
        shape,
        custom_error_type=RULE,
        custom_error_message="expected a duration: an ISO 8601 string such as PT30S, or an object",
    ),
]


class Timeout(Node):
    """How long a flow or a task may take."""

    after: Duration
