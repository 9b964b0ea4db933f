"""The two containers of a Job's pod: the rendered shell as a real process, and the tool's host."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from events.errors import ErrorType, ToolError
from events.flow.syntax.run import Container
from functions.container.models import In, Settings
from functions.container.pod import Pod
from tests.support.cluster import Pod as Processes
from tests.support.cluster import needs_first_process, sinks
from tests.support.local_platform import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from functions.host.context import Context

pytestmark = needs_first_process


@pytest.fixture
async def processes(tmp_path: Path) -> AsyncIterator[Processes]:
    """A pod whose program's container waits for its request."""
    [sink] = sinks([Container(image="a", command="b")]).values()
    made = Processes(sink, tmp_path, {})
    await made.start("program")
    yield made
    made.end()
    await made.processes["program"].wait()


def host(processes: Processes, **settings: Any) -> Pod:
    """Return the pod as its host has it."""
    folder = processes.folder
    return Pod(folder / "ask", folder / "said", Settings(**settings))


def asked(command: str, **given: Any) -> In:
    return In.model_validate({"image": "a", "command": command, "return": "all", **given})


async def over(processes: Processes) -> int:
    return await asyncio.wait_for(processes.processes["program"].wait(), 10)


async def test_values_stay_values(processes: Processes, context: Context) -> None:
    """Nothing that is handed over is evaluated on its way, whatever it has in it."""
    odd = "a 'b' \"c\" $(exit 1) `x` \\ \n*"
    request = asked(
        'printf "%s|" "$@" "$A"; cat',
        arguments=["-x", odd, {"k": 1}],
        environment={"A": odd},
        stdin=odd,
    )
    answer = (await host(processes).handle(request, context)).root
    assert answer == {"code": 0, "stdout": f'-x|{odd}|{{"k": 1}}|{odd}|{odd}', "stderr": ""}
    assert await over(processes) == 0


@pytest.mark.parametrize(("command", "code"), [("exit 7", 7), ("kill -9 $$", 137), ("nosuch", 127)])
async def test_how_it_ended_is_told(
    processes: Processes, context: Context, command: str, code: int
) -> None:
    """The exit status, 128 and the signal's number where that ended it."""
    assert (await host(processes).handle(asked(command), context)).root["code"] == code


async def test_a_container_that_is_killed_does_not_run_it_again(
    processes: Processes, context: Context
) -> None:
    """As for its memory: Kubernetes starts the container again, which says that it was killed."""
    answer = asyncio.ensure_future(host(processes).handle(asked("sleep 60"), context))

    async def begun() -> bool:
        return (processes.folder / "said" / "begun").exists()

    await until(begun, 10, "it runs")
    processes.end()
    await processes.processes["program"].wait()
    await processes.start("program")
    assert (await asyncio.wait_for(answer, 10)).root["code"] == 137
    assert await over(processes) == 0


async def test_a_host_that_is_started_again_asks_for_nothing_new(
    processes: Processes, context: Context
) -> None:
    """The program runs once in the pod's life; a second host gets the same end."""
    request = asked('echo x >>"$1"; cat "$1"', arguments=[str(processes.folder / "ran")])
    first = await host(processes).handle(request, context)
    second = await host(processes).handle(request, context)
    assert first == second
    assert first.root["stdout"] == "x\n"


async def test_dismissed_it_ends(processes: Processes, context: Context) -> None:
    """A host that lost its claim ends the program, and all that it started."""
    pod = host(processes, job_timeout=0.3)
    with pytest.raises(
        ToolError, match=r"longer than 0.3 s .TENDRIL_CONTAINER_JOB_TIMEOUT"
    ) as late:
        await pod.handle(asked("trap '' TERM HUP; sleep 60 & wait"), context)
    assert late.value.problem.type == ErrorType.TIMEOUT
    pod.dismiss()
    assert await over(processes) == 0


async def test_dismissed_before_it_was_asked_for_anything_it_ends(processes: Processes) -> None:
    """Where the task had been done or cancelled before, there is nothing to run."""
    host(processes).dismiss()
    assert await over(processes) == 0


async def test_not_awaited_it_goes_on(processes: Processes, context: Context) -> None:
    """The host is done at once, and the program comes to its own end."""
    ran, pod = processes.folder / "ran", host(processes)
    request = asked('sleep 0.3; touch "$1"', arguments=[str(ran)], **{"await": False})
    assert (await pod.handle(request, context)).root is None
    pod.dismiss()
    assert await over(processes) == 0
    assert ran.exists()


async def test_what_never_begins_is_told(tmp_path: Path, context: Context) -> None:
    """An image that cannot be pulled, for instance."""
    pod = Pod(tmp_path, tmp_path, Settings(job_start=0.1))
    with pytest.raises(ToolError, match=r"did not begin within 0.1 s .TENDRIL_CONTAINER_JOB_START"):
        await pod.handle(asked("exit 0"), context)


async def test_what_says_too_much_is_told_while_it_runs(
    processes: Processes, context: Context
) -> None:
    """Its output is bounded, however long it would go on."""
    pod = host(processes, max_bytes=1000)
    with pytest.raises(ToolError, match=r"more than 1000 bytes .TENDRIL_CONTAINER_MAX_BYTES"):
        await pod.handle(asked("head -c 2000 /dev/zero; sleep 60"), context)


@pytest.mark.parametrize(
    ("command", "missing"),
    [
        ('rm "$1/stdout"; ln -s "$2" "$1/stdout"', "no stdout"),
        ('rm "$1/stderr"; mkfifo "$1/stderr"', "no stderr"),
        ('rm "$1/stderr"; mkdir "$1/stderr"', "no stderr"),
        ('echo x >"$1/code"; sleep 60', "no exit status"),
        ('printf %05000d 1 >"$1/code"; sleep 60', "no exit status"),
        ('ln -s "$2" "$1/code"; sleep 60', "no code"),
    ],
)
async def test_what_a_program_leaves_is_not_followed(
    processes: Processes, context: Context, command: str, missing: str
) -> None:
    """A link would lead to the host's own files, a pipe would keep it for ever."""
    secret = processes.folder / "secret"
    secret.write_text("0")
    arguments = [str(processes.folder / "said"), str(secret)]
    with pytest.raises(ToolError, match=f"the container left {missing}"):
        await host(processes).handle(asked(command, arguments=arguments), context)
