"""The shell tool: what a command gets and gives, and all the ways out that it does not find."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from events.errors import ErrorType, ToolError
from functions.host.context import Resources
from functions.shell.handler import handle
from functions.shell.models import In
from tests.support.confinement import needs_confinement
from tests.support.local_platform import until

if TYPE_CHECKING:
    from pathlib import Path

    from functions.host.context import Context

pytestmark = needs_confinement


async def shell(context: Context, command: str, **given: Any) -> Any:
    return (await handle(In.model_validate({"command": command, **given}), context)).root


async def failed(context: Context, command: str, **given: Any) -> ToolError:
    with pytest.raises(ToolError) as caught:
        await shell(context, command, **given)
    return caught.value


def running(mark: str) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if mark in " ".join(process.cmdline()):
                found.append(process)
    return found


async def test_a_command_gets_arguments_stdin_and_environment(context: Context) -> None:
    """The arguments are $1, $2, ..., stdin is fed, and the environment is what the task says."""
    said = await shell(
        context,
        'echo "$(cat) $1 $2 $A $N"; env | sort | cut -d= -f1 | tr "\\n" " "',
        stdin="Hello",
        arguments=["a b", {"c": 1}],
        environment={"A": "${x}", "N": 3},
    )
    assert said == 'Hello a b {"c": 1} ${x} 3\nA HOME LANG N PATH PWD TMPDIR '


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ("stdout", "out\n"),
        ("stderr", "err\n"),
        ("code", 0),
        ("all", {"code": 0, "stdout": "out\n", "stderr": "err\n"}),
        ("none", None),
    ],
)
async def test_return_chooses_the_output(context: Context, wanted: str, expected: Any) -> None:
    """`return` gives stdout or stderr as text, the code as a number, all three, or nothing."""
    assert await shell(context, "echo out; echo err >&2", **{"return": wanted}) == expected


@pytest.mark.parametrize("wanted", ["stdout", "stderr", "none"])
async def test_a_failure_that_nobody_asks_about_is_an_error(context: Context, wanted: str) -> None:
    """Without `code` in the output, a status other than 0 is of type runtime and tells stderr."""
    error = await failed(context, "echo why >&2; exit 3", **{"return": wanted})
    assert error.problem.type == ErrorType.RUNTIME
    assert "status 3: why" in str(error)


@pytest.mark.parametrize(("command", "code"), [("exit 3", 3), ("kill -9 $$", 137)])
async def test_a_failure_that_is_asked_for_is_the_output(
    context: Context, command: str, code: int
) -> None:
    """With `code` or `all`, the status is the output; a signal is 128 and its number."""
    assert await shell(context, command, **{"return": "code"}) == code
    assert (await shell(context, command, **{"return": "all"}))["code"] == code


async def test_nothing_is_run_unless_allowed(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Off by default: the refusal, of type authorization, names the setting."""
    monkeypatch.delenv("TENDRIL_SHELL_ALLOW")
    error = await failed(context, "echo never")
    assert error.problem.type == ErrorType.AUTHORIZATION
    assert "TENDRIL_SHELL_ALLOW=true" in str(error)


async def test_the_host_is_out_of_sight(
    context: Context, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """No environment, file, descriptor, process or user of the host can be seen from inside."""
    secret = secrets.token_hex(8)
    monkeypatch.setenv("TENDRIL_LEDGER", f"postgresql://user:{secret}@host/db")
    file = tmp_path / "ledger.db"
    file.write_text(secret)
    file.chmod(0o666)
    said = await shell(
        context,
        f"exec 2>/dev/null; cat /proc/*/environ {file} /proc/*/root{file}; "
        f"ls -d /proc/{os.getpid()} /proc/{os.getppid()} {tmp_path} && echo seen; "
        "cd /proc/self/fd; echo; echo *; id -u",
    )
    *_, descriptors, user = said.splitlines()
    assert secret not in said
    assert "seen" not in said
    assert set(descriptors.split()) <= {"0", "1", "2", "3"}  # one of them is the folder's own
    assert user != "0"


async def test_nothing_outlives_the_command(context: Context) -> None:
    """A grandchild in a session of its own ends with the command that left it behind."""
    mark = secrets.token_hex(8)
    command = f"setsid sh -c 'sleep 60; echo {mark}' >/dev/null 2>&1 & sleep 0.2; echo left"
    assert await shell(context, command) == "left\n"

    async def gone() -> bool:
        return not running(mark)

    await until(gone, 5, "the grandchild is gone")


async def test_a_cancelled_call_ends_the_command(context: Context) -> None:
    """Cancelling the call, as a lost claim does, ends everything that it started."""
    mark = secrets.token_hex(8)
    call = asyncio.ensure_future(shell(context, f"setsid sh -c 'sleep 60; echo {mark}'"))

    async def started() -> bool:
        return bool(running(mark))

    async def gone() -> bool:
        return not running(mark)

    await until(started, 5, "it runs")
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await until(gone, 5, "it is gone")


async def test_time_is_bounded(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that does not end is ended, with an error of type timeout."""
    monkeypatch.setenv("TENDRIL_SHELL_TIMEOUT", "0.5")
    error = await failed(context, "trap '' TERM INT; while :; do sleep 1; done")
    assert error.problem.type == ErrorType.TIMEOUT
    assert "TENDRIL_SHELL_TIMEOUT" in str(error)


async def test_a_fork_bomb_is_bounded(context: Context) -> None:
    """Processes beyond the limit are not made, and when the command ends all are gone."""
    before = len(psutil.pids())
    started = time.monotonic()
    said = await shell(context, "f() { f | f & }; f; sleep 0.5; ls -d /proc/[0-9]* | wc -l")
    assert int(said) <= 70
    assert time.monotonic() - started < 5
    assert len(psutil.pids()) < before + 50


@pytest.mark.parametrize("stream", ["1", "2"])
async def test_output_is_bounded(context: Context, stream: str) -> None:
    """Endless output, on either stream, ends the command with an error of type runtime."""
    error = await failed(context, f"exec >&{stream}; while :; do echo x; done")
    assert error.problem.type == ErrorType.RUNTIME
    assert "TENDRIL_SHELL_MAX_BYTES" in str(error)


async def test_memory_is_bounded(context: Context) -> None:
    """One process gets no more memory than allowed, and many together no more either."""
    alone = await shell(context, "head -c 400M /dev/zero | tail", **{"return": "all"})
    assert "memory exhausted" in alone["stderr"]
    together = "for i in 1 2 3 4; do (head -c 90M /dev/zero | tail | sleep 3) & done; wait"
    error = await failed(context, together)
    assert "TENDRIL_SHELL_MEMORY" in str(error)


async def test_disk_is_bounded(context: Context) -> None:
    """Only /task can be written, in memory, up to the limit."""
    said = await shell(
        context,
        "for i in 1 2 3; do head -c 50M /dev/zero > f$i; done 2>/dev/null; du -sm . | cut -f1; "
        "for at in / /usr /dev /proc/sys/kernel; do touch $at/x 2>/dev/null && echo $at; done; :",
    )
    assert said == "64\n"


async def test_there_is_no_network_unless_allowed(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one interface is a loopback that is down; with the setting it is the host's network."""
    count = "tail -n +3 /proc/net/dev | cut -d: -f1; cat /proc/net/route | wc -l"
    assert (await shell(context, count)).split() == ["lo", "0"]
    monkeypatch.setenv("TENDRIL_SHELL_NETWORK", "true")
    allowed = replace(context, resources=Resources())
    here = await asyncio.create_subprocess_exec("sh", "-c", count, stdout=asyncio.subprocess.PIPE)
    assert await shell(allowed, count) == (await here.communicate())[0].decode()


async def test_privileges_cannot_be_gained(context: Context) -> None:
    """No capabilities, no set-uid programs, and no further user namespaces to gain any in."""
    said = await shell(
        context,
        "grep -E 'CapEff|NoNewPrivs' /proc/self/status; unshare -U true && echo unshared; :",
    )
    assert said.split() == ["CapEff:", "0" * 16, "NoNewPrivs:", "1"]


async def test_what_is_not_awaited_runs_on(context: Context) -> None:
    """`await: false` answers at once; the process runs on, and ends with the service at last."""
    mark = secrets.token_hex(8)
    started = time.monotonic()
    assert await shell(context, f"sh -c 'sleep 60; echo {mark}'", **{"await": False}) is None
    assert time.monotonic() - started < 1

    async def runs() -> bool:
        return bool(running(mark))

    await until(runs, 5, "it runs on")
    await context.resources.aclose()
    assert not running(mark)
