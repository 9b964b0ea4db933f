"""A whole flow definition."""

from typing import ClassVar

from events.flow.syntax.data import Evaluate, Input, Output
from events.flow.syntax.document import Document
from events.flow.syntax.duration import Duration, Timeout
from events.flow.syntax.event import EventConsumption
from events.flow.syntax.node import Maybe, Node, TextOr
from events.flow.syntax.tasklist import TaskList
from events.flow.syntax.use import Use


class Schedule(Node):
    """When runs start by themselves."""

    one_of: ClassVar[tuple[str, ...]] = ("every", "cron", "after", "on")
    every: Maybe[Duration] = None
    cron: Maybe[str] = None
    after: Maybe[Duration] = None
    on: Maybe[EventConsumption] = None


class Flow(Node):
    """A flow definition, the DSL's workflow."""

    document: Document
    input: Maybe[Input] = None
    use: Maybe[Use] = None
    do: TaskList
    timeout: Maybe[TextOr[Timeout]] = None
    output: Maybe[Output] = None
    schedule: Maybe[Schedule] = None
    evaluate: Maybe[Evaluate] = None
