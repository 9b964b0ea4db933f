"""The run task: a container, a script, a shell command or another flow."""

from collections.abc import Iterator
from typing import Any, ClassVar, Final, Literal

from events.flow.syntax.base import TaskBase
from events.flow.syntax.duration import Duration
from events.flow.syntax.node import Fault, JsonMap, Maybe, Node
from events.flow.syntax.resource import ExternalResource
from events.flow.syntax.text import Flag, Label, SemverOrLatest

PROCESSES: Final = ("container", "script", "shell")
"""What is run by the function of the catalog that has its name; a workflow is a run of its own."""


class ContainerLifetime(Node):
    """When the container is removed."""

    cleanup: Literal["always", "never", "eventually"]
    after: Maybe[Duration] = None

    @classmethod
    def rules(cls, value: JsonMap) -> Iterator[Fault]:
        """Ask for `after` with `eventually` and only then."""
        eventually = value.get("cleanup") == "eventually"
        if eventually and "after" not in value:
            yield (), "the property 'after' is missing: 'cleanup: eventually' needs it"
        if not eventually and "after" in value:
            yield ("after",), "'after' goes with 'cleanup: eventually' only"


class Container(Node):
    """A container to run."""

    image: str
    name: Maybe[str] = None
    command: Maybe[str] = None
    ports: Maybe[JsonMap] = None
    volumes: Maybe[JsonMap] = None
    environment: Maybe[JsonMap] = None
    stdin: Maybe[str] = None
    arguments: Maybe[tuple[str, ...]] = None
    lifetime: Maybe[ContainerLifetime] = None
    pull_policy: Maybe[Literal["ifNotPresent", "always", "never"]] = None


class Script(Node):
    """A script to run, given in place or lying at an endpoint."""

    one_of: ClassVar[tuple[str, ...]] = ("code", "source")
    language: str
    stdin: Maybe[str] = None
    arguments: Maybe[tuple[str, ...]] = None
    environment: Maybe[JsonMap] = None
    code: Maybe[str] = None
    source: Maybe[ExternalResource] = None


class Shell(Node):
    """A shell command to run."""

    command: str
    stdin: Maybe[str] = None
    arguments: Maybe[tuple[str, ...]] = None
    environment: Maybe[JsonMap] = None


class Subflow(Node):
    """Another flow to run."""

    namespace: Label
    name: Label
    version: SemverOrLatest
    input: Any = None


class Process(Node):
    """What to run, and what of it becomes the output."""

    one_of: ClassVar[tuple[str, ...]] = ("container", "script", "shell", "workflow")
    await_: Maybe[Flag] = None
    return_: Maybe[Literal["stdout", "stderr", "code", "all", "none"]] = None
    container: Maybe[Container] = None
    script: Maybe[Script] = None
    shell: Maybe[Shell] = None
    workflow: Maybe[Subflow] = None


class RunTask(TaskBase):
    """Runs a process."""

    keyword: ClassVar[str] = "run"
    run: Process
