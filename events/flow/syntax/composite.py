"""The tasks that hold other tasks: do, for, fork, try."""

from contextlib import suppress
from functools import cached_property
from typing import Annotated, ClassVar, Literal

from pydantic import Field, ValidationError

from events.flow.syntax.base import TaskBase
from events.flow.syntax.error import CaughtErrors
from events.flow.syntax.node import Maybe, Node, TextOr
from events.flow.syntax.retry import RetryPolicy
from events.flow.syntax.tasklist import TaskList
from events.flow.syntax.text import Flag


class DoTask(TaskBase):
    """Does tasks in sequence."""

    keyword: ClassVar[str] = "do"
    do: TaskList


class ForEach(Node):
    """What is iterated: the collection and the names of the variables."""

    each: str = "item"
    in_: str
    at: str = "index"


class Parallel(Node):
    """What `metadata.tendril` of a `for` may say: how many iterations run at the same time.

    Ours, not the language's: other runtimes do one after the other and ignore it.
    """

    concurrency: Annotated[int, Field(strict=True, ge=1)]
    on_error: Literal["fail", "collect"] = "fail"


class ForTask(TaskBase):
    """Does tasks for each item of a collection, while a condition holds."""

    keyword: ClassVar[str] = "for"
    for_: ForEach
    while_: Maybe[str] = None
    do: TaskList

    @cached_property
    def parallel(self) -> Parallel | None:
        """How its iterations run at the same time; None where they run one after the other.

        `check` refuses what means nothing here.
        """
        with suppress(ValidationError):
            return Parallel.model_validate((self.metadata or {}).get("tendril"))
        return None


class Branches(Node):
    """The tasks to do at the same time, and whether the first to end wins."""

    branches: TaskList
    compete: Flag = False


class ForkTask(TaskBase):
    """Does tasks at the same time."""

    keyword: ClassVar[str] = "fork"
    fork: Branches


class Catch(Node):
    """Which errors to catch and what to do about them."""

    errors: Maybe[CaughtErrors] = None
    as_: str = "error"
    when: Maybe[str] = None
    except_when: Maybe[str] = None
    retry: Maybe[TextOr[RetryPolicy]] = None
    do: Maybe[TaskList] = None


class TryTask(TaskBase):
    """Tries tasks and catches their errors."""

    keyword: ClassVar[str] = "try"
    try_: TaskList
    catch: Catch
