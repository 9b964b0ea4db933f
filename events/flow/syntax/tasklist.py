"""An ordered list of named tasks: in the DSL, a list of maps with one key each."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

if TYPE_CHECKING:
    from events.flow.syntax.task import Task


@dataclass(frozen=True, slots=True)
class NamedTask:
    """One entry of a task list."""

    name: str
    task: "Task"

    @classmethod
    def _from_entry(cls, entry: "dict[str, Task]") -> Self:
        [(name, task)] = entry.items()
        return cls(name, task)

    def _to_entry(self) -> "dict[str, Task]":
        return {self.name: self.task}

    @classmethod
    def __get_pydantic_core_schema__(
        cls, _source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Read and write the entry `{name: task}`."""
        # tasks contain task lists: the circle is closed when the schema is built
        from events.flow.syntax.task import Task

        entry = core_schema.dict_schema(
            core_schema.str_schema(min_length=1),
            handler.generate_schema(Task),
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


TaskList = tuple[NamedTask, ...]
