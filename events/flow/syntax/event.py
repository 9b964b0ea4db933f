"""Events as a flow names them: attributes, filters, correlations, consumption strategies."""

from collections.abc import Iterator
from typing import Any, ClassVar

from pydantic import ConfigDict

from events.flow.syntax.node import Fault, JsonMap, Maybe, Node, TextOr
from events.flow.syntax.text import UriOrExpression


class EventProperties(Node):
    """The attributes of an event; extension attributes are `model_extra`.

    To emit one, `source` and `type` are required; in a filter, at least one attribute is,
    and each value may be a regular expression or a runtime expression.
    """

    model_config = ConfigDict(extra="allow")
    id: Maybe[str] = None
    source: Maybe[UriOrExpression] = None
    type: Maybe[str] = None
    time: Maybe[str] = None
    subject: Maybe[str] = None
    datacontenttype: Maybe[str] = None
    dataschema: Maybe[UriOrExpression] = None
    data: Any = None


class EmittedProperties(EventProperties):
    """The attributes of an event to emit."""

    @classmethod
    def rules(cls, value: JsonMap) -> Iterator[Fault]:
        """Ask for what CloudEvents requires and nobody else can know."""
        for name in ("source", "type"):
            if name not in value:
                yield (), f"the property '{name}' is missing"


class FilterProperties(EventProperties):
    """The attributes an event must have to be heard."""

    @classmethod
    def rules(cls, value: JsonMap) -> Iterator[Fault]:
        """Refuse the filter that would hear everything."""
        if not value:
            yield (), "expected at least one event attribute, for instance 'type'"


class Correlation(Node):
    """A value taken `from_` an event and what it is expected to be."""

    model_config = ConfigDict(extra="allow")
    from_: str
    expect: Maybe[str] = None


class EventFilter(Node):
    """Which events are meant."""

    with_: FilterProperties
    correlate: Maybe[dict[str, Correlation]] = None


class EventConsumption(Node):
    """Which events to wait for: all of several, any of several, or exactly one."""

    one_of: ClassVar[tuple[str, ...]] = ("all", "any", "one")
    all: Maybe[tuple[EventFilter, ...]] = None
    any: Maybe[tuple[EventFilter, ...]] = None
    one: Maybe[EventFilter] = None
    until: Maybe[TextOr["EventConsumption"]] = None

    @classmethod
    def rules(cls, value: JsonMap) -> Iterator[Fault]:
        """Ask for one strategy; only `any` goes on `until` something."""
        yield from super().rules(value)
        if "until" in value and "any" not in value:
            yield ("until",), "'until' goes with 'any' only"
        until = value.get("until")
        if isinstance(until, dict) and "until" in until:
            yield ("until", "until"), "an 'until' has no 'until' of its own"
