"""Any task: the union of the twelve, told apart by their keyword."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import Discriminator, Tag

from events.flow.syntax.base import TaskBase
from events.flow.syntax.call import CallTask
from events.flow.syntax.composite import DoTask, ForkTask, ForTask, TryTask
from events.flow.syntax.listen import ListenTask
from events.flow.syntax.node import KEYWORD
from events.flow.syntax.run import RunTask
from events.flow.syntax.simple import EmitTask, RaiseTask, SetTask, SwitchTask, WaitTask

KEYWORDS: Final = (
    "call",
    "do",
    "emit",
    "for",
    "fork",
    "listen",
    "raise",
    "run",
    "set",
    "switch",
    "try",
    "wait",
)


def keywords_of(value: Mapping[str, Any]) -> list[str]:
    """Return the keywords a task has, in its own order; the `do` of a `for` is none."""
    given = [name for name in value if name in KEYWORDS]
    return [name for name in given if name != "do"] if "for" in given else given


def _tag(value: Any) -> str | None:
    if isinstance(value, TaskBase):
        return f"<{value.keyword}>"
    given = keywords_of(value) if isinstance(value, dict) else []
    return f"<{given[0]}>" if len(given) == 1 else None


Task = Annotated[
    Annotated[CallTask, Tag("<call>")]
    | Annotated[DoTask, Tag("<do>")]
    | Annotated[EmitTask, Tag("<emit>")]
    | Annotated[ForTask, Tag("<for>")]
    | Annotated[ForkTask, Tag("<fork>")]
    | Annotated[ListenTask, Tag("<listen>")]
    | Annotated[RaiseTask, Tag("<raise>")]
    | Annotated[RunTask, Tag("<run>")]
    | Annotated[SetTask, Tag("<set>")]
    | Annotated[SwitchTask, Tag("<switch>")]
    | Annotated[TryTask, Tag("<try>")]
    | Annotated[WaitTask, Tag("<wait>")],
    Discriminator(
        _tag,
        custom_error_type=KEYWORD,
        custom_error_message="expected a task with exactly one keyword",
    ),
]
