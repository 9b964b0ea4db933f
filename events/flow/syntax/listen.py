"""The listen task, and the iteration over what a subscription brings."""

from contextlib import suppress
from functools import cached_property
from typing import ClassVar, Literal

from pydantic import ValidationError

from events.flow.syntax.approval import Approval, Form
from events.flow.syntax.base import TaskBase
from events.flow.syntax.data import Export, Output
from events.flow.syntax.event import EventConsumption
from events.flow.syntax.node import Maybe, Node
from events.flow.syntax.tasklist import TaskList


class SubscriptionIterator(Node):
    """The tasks to do for each consumed item."""

    item: Maybe[str] = None
    at: Maybe[str] = None
    do: Maybe[TaskList] = None
    output: Maybe[Output] = None
    export: Maybe[Export] = None

    @property
    def names(self) -> tuple[str, str]:
        """The variables that the item and its index are."""
        return self.item or "item", self.at or "index"


class Listening(Node):
    """What to listen to, and which part of the events to read."""

    to: EventConsumption
    read: Maybe[Literal["data", "envelope", "raw"]] = None


class ListenTask(TaskBase):
    """Waits for events."""

    keyword: ClassVar[str] = "listen"
    foreach_at: ClassVar[tuple[str, ...]] = ("foreach",)
    listen: Listening
    foreach: Maybe[SubscriptionIterator] = None

    @cached_property
    def form(self) -> Form | None:
        """What a person is asked; None where it is events that are listened to.

        `check` refuses what means nothing here.
        """
        said = (self.metadata or {}).get("tendril")
        if said is not None:
            with suppress(ValidationError):
                return Approval.model_validate(said).form
        return None
