"""What a flow defines once and uses by name."""

from typing import Annotated, Literal

from pydantic import Field

from events.flow.syntax.authentication import Authentication
from events.flow.syntax.duration import Timeout
from events.flow.syntax.error import Error
from events.flow.syntax.node import Maybe, Node
from events.flow.syntax.resource import CatalogReference
from events.flow.syntax.retry import RetryPolicy
from events.flow.syntax.task import Task
from events.flow.syntax.tasklist import TaskList

Extended = Literal[
    "call",
    "composite",
    "emit",
    "for",
    "listen",
    "raise",
    "run",
    "set",
    "switch",
    "try",
    "wait",
    "all",
]


class Extension(Node):
    """Tasks to do before and after every task of a kind."""

    extend: Extended
    when: Maybe[str] = None
    before: Maybe[TaskList] = None
    after: Maybe[TaskList] = None


NamedExtension = Annotated[dict[str, Extension], Field(min_length=1, max_length=1)]


class Use(Node):
    """The flow's reusable parts."""

    authentications: Maybe[dict[str, Authentication]] = None
    catalogs: Maybe[dict[str, CatalogReference]] = None
    errors: Maybe[dict[str, Error]] = None
    extensions: Maybe[tuple[NamedExtension, ...]] = None
    functions: Maybe[dict[str, Task]] = None
    retries: Maybe[dict[str, RetryPolicy]] = None
    secrets: Maybe[tuple[str, ...]] = None
    timeouts: Maybe[dict[str, Timeout]] = None
