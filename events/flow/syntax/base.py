"""What all tasks have in common."""

from typing import ClassVar

from events.flow.syntax.data import Export, Input, Output
from events.flow.syntax.duration import Timeout
from events.flow.syntax.node import JsonMap, Maybe, Node, TextOr


class TaskBase(Node):
    """The properties that every task may have; `keyword` says what it does."""

    keyword: ClassVar[str]
    if_: Maybe[str] = None
    input: Maybe[Input] = None
    output: Maybe[Output] = None
    export: Maybe[Export] = None
    timeout: Maybe[TextOr[Timeout]] = None
    then: Maybe[str] = None
    metadata: Maybe[JsonMap] = None
