"""A whole flow definition."""

from collections.abc import Iterator
from typing import Any, Self

from pydantic import PrivateAttr

from events.flow.schemas import drafted
from events.flow.syntax.base import TaskBase
from events.flow.syntax.data import Evaluate, Input, Output, Schema
from events.flow.syntax.document import Document
from events.flow.syntax.duration import Duration, Timeout
from events.flow.syntax.event import EventConsumption
from events.flow.syntax.imports import Imports
from events.flow.syntax.node import Fault, JsonMap, Maybe, Node, TextOr
from events.flow.syntax.tasklist import TaskList
from events.flow.syntax.use import Use


class Schedule(Node):
    """When runs start by themselves; each way that is given starts its own."""

    every: Maybe[Duration] = None
    cron: Maybe[str] = None
    after: Maybe[Duration] = None
    on: Maybe[EventConsumption] = None

    @classmethod
    def rules(cls, value: JsonMap) -> Iterator[Fault]:
        """Refuse the schedule that never starts anything."""
        if not value:
            yield (), f"expected at least one of {', '.join(cls.properties())}"


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
    _imports: Imports = PrivateAttr(default_factory=Imports)

    @property
    def loose(self) -> bool:
        """Whether expressions need no `${ }`: every text is tried as one, and stays if it fails."""
        return self.evaluate is not None and self.evaluate.mode == "loose"

    @property
    def policies(self) -> dict[str, JsonMap]:
        """The authentication policies that calls may name, as they were written."""
        known = (self.use and self.use.authentications) or {}
        return {name: policy.definition() for name, policy in known.items()}

    def importing(self, imports: Imports) -> Self:
        """Return the flow with what it refers to and was fetched; the definition stays as it is."""
        flow = self.model_copy()
        flow._imports = imports  # noqa: SLF001 - a copy of its own
        return flow

    def function(self, name: str) -> TaskBase | None:
        """Return the task that `call: name` does, if it is one of the flow or of its imports."""
        own = (self.use and self.use.functions) or {}
        return own.get(name) or self._imports.functions.get(name)

    def document_of(self, schema: Schema) -> Any:
        """Return a schema's document, given in place or fetched; LookupError if it was not."""
        document = schema.document
        if schema.resource is not None:
            document = self._imports.schemas[schema.resource.uri]
        return drafted(document, schema.format)
