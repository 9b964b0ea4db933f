"""What every process of the DSL takes beside what it runs, and what becomes of its end.

Where the specification leaves room: a status other than 0 is the output's `code` for those who ask
for it (`return: code`, `all`) and an error of type runtime for those who do not, with the end of
stderr in it, as it would go unnoticed otherwise. What a program says is text exactly as it said
it, bytes that are no UTF-8 replaced. `return: none` gives null.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, Literal

from pydantic import Field, RootModel

from events.errors import ErrorType, ToolError
from functions.host.strict import Strict

if TYPE_CHECKING:
    from functions.host.process.program import Ended

Return = Literal["stdout", "stderr", "code", "all", "none"]
_TAIL: Final = 1000


class Asked(Strict):
    """The part of a process's input that does not depend on what it is."""

    stdin: Any = Field(None, description="Its standard input; what is no text goes in as JSON.")
    arguments: list[Any] = Field(
        default_factory=list, description="Its arguments; what is no text goes in as JSON."
    )
    environment: dict[str, Any] = Field(
        default_factory=dict,
        description="Its environment variables; what is no text goes in as JSON.",
    )
    wait: bool = Field(
        default=True,
        alias="await",
        description="Whether its end is waited for; if not, the output is null.",
    )
    wanted: Return = Field(
        "stdout",
        alias="return",
        description="What becomes the output: stdout or stderr as text, code: the exit status as "
        "a number, all: an object of the three, none: null.",
    )

    @property
    def fed(self) -> str | None:
        """The standard input as text."""
        return None if self.stdin is None else text(self.stdin)

    @property
    def argv(self) -> list[str]:
        """The arguments as texts; ToolError for one that no program can be given."""
        given = [text(value) for value in self.arguments]
        if any("\0" in each for each in given):
            raise ToolError("an argument has a null character in it", type=ErrorType.VALIDATION)
        return given

    @property
    def variables(self) -> dict[str, str]:
        """The environment as texts; ToolError for a name that is none."""
        for name in self.environment:
            if not name or "=" in name or "\0" in name + text(self.environment[name]):
                reason = f"'{name}' is no name of an environment variable, or its value no text"
                raise ToolError(reason, type=ErrorType.VALIDATION)
        return {name: text(value) for name, value in self.environment.items()}


class Out(RootModel[Any]):
    """What `return` asked for of the process's end."""


def text(value: Any) -> str:
    """Return a value as a program gets it."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def output(asked: Asked, ended: Ended) -> Out:
    """Return what was asked for; ToolError (runtime) where that hides that the process failed."""
    if asked.wanted == "code":
        return Out(ended.code)
    if asked.wanted == "all":
        return Out({"code": ended.code, "stdout": ended.stdout, "stderr": ended.stderr})
    if ended.code:
        said = ended.stderr[-_TAIL:].strip() or "it wrote nothing to stderr"
        raise ToolError(
            f"the process ended with status {ended.code}: {said}", title="The process failed"
        )
    chosen = {"stdout": ended.stdout, "stderr": ended.stderr}
    return Out(chosen.get(asked.wanted))
