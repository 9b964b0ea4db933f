"""The tasks that do one thing: emit, raise, set, switch, wait."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Self

from pydantic import ConfigDict, Field, GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from events.flow.syntax.base import TaskBase
from events.flow.syntax.duration import Duration
from events.flow.syntax.error import Error
from events.flow.syntax.event import EmittedProperties
from events.flow.syntax.node import Fault, JsonMap, Maybe, Node, TextOr


class EmittedEvent(Node):
    """The event to emit."""

    model_config = ConfigDict(extra="allow")
    with_: EmittedProperties


class Emission(Node):
    """What to emit."""

    event: EmittedEvent


class EmitTask(TaskBase):
    """Publishes an event."""

    keyword: ClassVar[str] = "emit"
    emit: Emission


class Raised(Node):
    """The error to raise: given in place, or the name of one under `use.errors`."""

    error: TextOr[Error]


class RaiseTask(TaskBase):
    """Raises an error."""

    keyword: ClassVar[str] = "raise"
    raise_: Raised


class SetTask(TaskBase):
    """Sets the data."""

    keyword: ClassVar[str] = "set"
    set: TextOr[Annotated[JsonMap, Field(min_length=1)]]


class Case(Node):
    """A condition, and where to go on when it holds; without one, the default."""

    when: Maybe[str] = None
    then: str


@dataclass(frozen=True, slots=True)
class NamedCase:
    """One entry of a switch: in the DSL, a map with one key."""

    name: str
    case: Case

    @classmethod
    def _from_entry(cls, entry: dict[str, Case]) -> Self:
        [(name, case)] = entry.items()
        return cls(name, case)

    def _to_entry(self) -> dict[str, Case]:
        return {self.name: self.case}

    @classmethod
    def __get_pydantic_core_schema__(
        cls, _source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Read and write the entry `{name: case}`."""
        entry = core_schema.dict_schema(
            core_schema.str_schema(),
            handler.generate_schema(Case),
            min_length=1,
            max_length=1,
        )
        return core_schema.no_info_after_validator_function(
            cls._from_entry,
            entry,
            serialization=core_schema.plain_serializer_function_ser_schema(
                cls._to_entry, return_schema=entry
            ),
        )


class SwitchTask(TaskBase):
    """Goes on at the first case that holds."""

    keyword: ClassVar[str] = "switch"
    switch: tuple[NamedCase, ...]

    @classmethod
    def rules(cls, value: JsonMap) -> Iterator[Fault]:
        """Refuse the switch without cases."""
        if value.get("switch") == []:
            yield ("switch",), "expected at least one case"


class WaitTask(TaskBase):
    """Waits."""

    keyword: ClassVar[str] = "wait"
    wait: Duration
