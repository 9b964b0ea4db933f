"""The container tool with a real podman and an image made of this machine's own shell."""

from __future__ import annotations

import asyncio
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from events.errors import ErrorType, ToolError
from functions.container.engine import installed
from functions.container.handler import handle
from functions.container.lifecycle import sweep
from functions.container.models import In, Settings
from tests.support.local_platform import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from functions.host.context import Context


def listed(key: str, column: str) -> list[str]:
    """Return a column of the list of one task's containers."""
    label = f"--filter=label=dev.tendril.key={key}"
    command = ["podman", "ps", "--all", "--no-trunc", label, f"--format={{{{{column}}}}}"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return said.splitlines()


def containers(key: str) -> list[str]:
    """Return `Up` or `Exited` for each container of one task."""
    return [line.split()[0] for line in listed(key, ".Status")]


@pytest.fixture
def context(context: Context, image: str, request: pytest.FixtureRequest) -> Iterator[Context]:
    """A task of its own, whose containers go with the test."""
    key = f"{image}-{request.node.name}"
    yield replace(context, idempotency_key=key)
    remove = ["podman", "rm", "--force", "--time=0", *listed(key, ".ID")]
    subprocess.run(remove, capture_output=True, check=False)


async def contain(context: Context, command: str, **given: Any) -> Any:
    asked = {"image": "tendril-test", "command": command, "pullPolicy": "never", **given}
    return (await handle(In.model_validate(asked), context)).root


async def test_a_container_gets_and_gives(context: Context) -> None:
    """stdin, arguments and environment go in; code, stdout and stderr come out."""
    said = await contain(
        context,
        'echo "$(cat) $1 $A"; echo bad >&2; exit 3',
        stdin="in",
        arguments=["Foo"],
        environment={"A": "b"},
        lifetime={"cleanup": "always"},
        **{"return": "all"},
    )
    assert said == {"code": 3, "stdout": "in Foo b\n", "stderr": "bad\n"}
    assert containers(context.idempotency_key) == []


async def test_a_second_attempt_takes_up_the_first_ones_container(context: Context) -> None:
    """Whether it still runs or has ended, what the first attempt started is not run again."""
    command = "sleep 0.3; echo once"
    assert await contain(context, command, **{"await": False}) is None
    assert await contain(context, command) == "once\n"
    assert await contain(context, command) == "once\n"
    assert containers(context.idempotency_key) == ["Exited"]


async def test_a_task_that_was_edited_replaces_its_container(context: Context) -> None:
    """Another idempotency key of the same task removes the old container, and its name is free."""
    assert await contain(context, "echo first", name="tendril-test-edited") == "first\n"
    edited = replace(context, idempotency_key=f"{context.idempotency_key}-edited")
    lifetime = {"cleanup": "always"}
    second = contain(edited, "echo second", name="tendril-test-edited", lifetime=lifetime)
    assert await second == "second\n"
    assert containers(context.idempotency_key) == []


async def test_a_cancelled_call_stops_its_container(context: Context) -> None:
    """Cancelling the call leaves nothing running, and with `cleanup: always` nothing at all."""
    call = asyncio.ensure_future(contain(context, "sleep 60", lifetime={"cleanup": "always"}))

    async def runs() -> bool:
        return "Up" in await asyncio.to_thread(containers, context.idempotency_key)

    await until(runs, 20, "it runs")
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert containers(context.idempotency_key) == []


async def test_eventually_is_after_its_time(context: Context) -> None:
    """A container that was to go after a time is removed by a call after it, and not before."""
    await contain(context, "exit 0", lifetime={"cleanup": "eventually", "after": "PT1H"})
    [until_] = listed(context.idempotency_key, 'index .Labels "dev.tendril.until"')
    engine = installed(Settings())
    await sweep(engine, int(until_) - 1)
    assert containers(context.idempotency_key) == ["Exited"]
    await sweep(engine, int(until_))
    assert containers(context.idempotency_key) == []


async def test_an_image_that_is_not_there_is_told(context: Context) -> None:
    """What the engine cannot do is an error of type runtime, in its own words."""
    with pytest.raises(ToolError, match="image not known") as caught:
        await contain(context, "exit 0", image="tendril-test-none")
    assert caught.value.problem.type == ErrorType.RUNTIME
