"""The container tool against a program in podman's place, which notes what it is told to do.

Nothing is run: it is the port to the engine that is looked at. `test_podman` runs real containers.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from events.errors import ErrorType, ToolError
from functions.container.handler import handle
from functions.container.models import In

if TYPE_CHECKING:
    from pathlib import Path

    from functions.host.context import Context

RECORDER = """#!/usr/bin/env python3
import json, os, sys
with open({log!r}, "a") as log:
    log.write(json.dumps([sys.argv[1:], sorted(os.environ)]) + "\\n")
answers = {{"create": "made-1", "inspect": "exited 0", "start": "said"}}
print(answers.get(sys.argv[1], ""))
"""
LABELS = ["--label=dev.tendril.key=key-of-the-task", "--label=dev.tendril.task=run-1/do/0/call#1"]
BOUNDS = ["--security-opt=no-new-privileges", "--pids-limit=256", "--memory=536870912"]


class Recorder:
    """What was said to the engine."""

    def __init__(self, folder: Path) -> None:
        self.log = folder / "log"

    @property
    def said(self) -> list[list[str]]:
        return [json.loads(line)[0] for line in self.log.read_text().splitlines()]

    @property
    def created(self) -> list[str]:
        [found] = [each[1:] for each in self.said if each[0] == "create"]
        return found


@pytest.fixture(params=["podman", "docker"])
def recorder(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Recorder:
    """Put the program where an engine is looked for, and no other."""
    made = Recorder(tmp_path)
    monkeypatch.setenv("TENDRIL_CONTAINER_ENGINE", str(tmp_path / request.param))
    monkeypatch.setenv("TENDRIL_LEDGER", "postgresql://user:secret@host/db")
    program = tmp_path / request.param
    program.write_text(RECORDER.format(log=str(made.log)))
    program.chmod(0o755)
    return made


async def contain(context: Context, **given: Any) -> Any:
    return (await handle(In.model_validate({"image": "alpine", **given}), context)).root


async def test_a_container_is_made_bounded_and_labelled(
    context: Context, recorder: Recorder
) -> None:
    """The least: the image, within limits, labelled with its task, kept at its end."""
    assert await contain(context, name="n-1") == "said\n"
    assert recorder.created == ["--pull=missing", "--name=n-1", *BOUNDS, *LABELS, "alpine"]
    assert [each[0] for each in recorder.said] == ["ps", "ps", "ps", "create", "start", "inspect"]


async def test_every_property_reaches_the_engine(
    context: Context, recorder: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Command, arguments, environment, ports, volumes, stdin, pull policy, network, clean-up."""
    monkeypatch.setenv("TENDRIL_CONTAINER_VOLUMES", str(tmp_path))
    monkeypatch.setenv("TENDRIL_CONTAINER_NETWORK", "none")
    await contain(
        context,
        command="echo $1",
        arguments=["--privileged", 2],
        environment={"A": "b c"},
        ports={"8080": 80},
        volumes={f"{tmp_path}/in": "/in:ro", "cache": "/cache"},
        stdin="x",
        pullPolicy="always",
        lifetime={"cleanup": "always"},
    )
    assert recorder.created == [
        "--pull=always",
        "--interactive",
        *BOUNDS,
        "--network=none",
        *LABELS,
        "--env=A=b c",
        "--publish=127.0.0.1:8080:80",
        f"--volume={tmp_path}/in:/in:ro",
        "--volume=cache:/cache",
        *("--entrypoint=/bin/sh", "alpine", "-c", "echo $1", "sh", "--privileged", "2"),
    ]
    assert ["start", "--attach", "--interactive", "made-1"] in recorder.said
    assert recorder.said[-1] == ["rm", "--force", "--volumes", "made-1"]


async def test_what_is_not_awaited_is_started_and_left(
    context: Context, recorder: Recorder
) -> None:
    """`await: false` starts the container detached; clean-up is the engine's then."""
    assert await contain(context, **{"await": False}, lifetime={"cleanup": "always"}) is None
    assert recorder.said[-1] == ["start", "made-1"]
    assert "--rm" in recorder.created


async def test_the_engine_gets_no_secret_of_ours(context: Context, recorder: Recorder) -> None:
    """The engine's environment has what concerns it, and no setting of the platform."""
    await contain(context)
    names = {name for line in recorder.log.read_text().splitlines() for name in json.loads(line)[1]}
    assert not [name for name in names if name.startswith("TENDRIL")]
    assert "PATH" in names


@pytest.mark.parametrize(
    ("given", "kind", "reason"),
    [
        ({"volumes": {"/etc": "/x"}}, ErrorType.AUTHORIZATION, "TENDRIL_CONTAINER_VOLUMES"),
        ({"volumes": {"{folder}/../..": "/x"}}, ErrorType.AUTHORIZATION, "may not mount"),
        ({"volumes": {"v": "/x:rw,dev"}}, ErrorType.VALIDATION, "no path in the container"),
        ({"ports": {"0.0.0.0:80": 80}}, ErrorType.VALIDATION, "no ports"),
        ({"environment": {"A=B": 1}}, ErrorType.VALIDATION, "no name"),
        (
            {"lifetime": {"cleanup": "eventually", "after": "soon"}},
            ErrorType.VALIDATION,
            "no duration",
        ),
        (
            {"lifetime": {"cleanup": "eventually", "after": "P1M"}},
            ErrorType.VALIDATION,
            "no duration",
        ),
    ],
)
async def test_what_an_engine_should_not_be_told_is_refused(
    context: Context,
    recorder: Recorder,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    given: dict[str, Any],
    kind: str,
    reason: str,
) -> None:
    """Folders that are not allowed, options smuggled into a value, and nonsense."""
    monkeypatch.setenv("TENDRIL_CONTAINER_VOLUMES", str(tmp_path))
    filled = json.loads(json.dumps(given).replace("{folder}", str(tmp_path)))
    with pytest.raises(ToolError, match=reason) as caught:
        await contain(context, **filled)
    assert caught.value.problem.type == kind
    assert "create" not in [each[0] for each in recorder.said]


@pytest.mark.parametrize("given", [{"image": "--privileged"}, {"name": "-v"}])
def test_no_option_passes_for_a_name(given: dict[str, Any]) -> None:
    """Image and name cannot begin with a hyphen."""
    with pytest.raises(ValueError, match="pattern"):
        In.model_validate({"image": "alpine", **given})


async def test_without_an_engine_the_refusal_says_what_to_do(
    context: Context, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Neither podman nor docker: a configuration error that names both."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolError, match="no podman or docker is installed") as caught:
        await contain(context)
    assert caught.value.problem.type == ErrorType.CONFIGURATION
