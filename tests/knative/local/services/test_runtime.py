"""Claims about the platform as a program: start, refusals to start, stop, kill."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

UP = re.compile(r"up at (http://\S+),")


class Runtime:
    """A running `python -m knative.local`."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.said = ""
        self.url = ""

    def wait_until_up(self) -> None:
        """Read its log until it says where it is."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.said += line
            if found := UP.search(line):
                self.url = found[1]
                return
        raise AssertionError(self.said)

    def ask(self, path: str, body: bytes | None = None, **headers: str) -> tuple[int, bytes]:
        """GET, or POST with a body; returns status and body."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(self.url + path, data=body, headers=named)  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()

    def services(self) -> dict[str, Any]:
        """Return `GET /services` by name."""
        listed = json.loads(self.ask("/services")[1])["services"]
        return {service["name"]: service for service in listed}


@pytest.fixture
def runtime(tmp_path: Path, make_tool: Callable[..., Path]) -> Callable[..., Any]:
    """Return a context manager that runs a platform with the echo tool, on a free port."""
    tools = make_tool()

    @contextmanager
    def run(*arguments: str, **environment: str) -> Iterator[Runtime]:
        command = [sys.executable, "-m", "knative.local", "--port", "0", *arguments]
        with subprocess.Popen(
            [*command, "--data", str(tmp_path / "data"), "--tools", str(tools)],
            cwd=tmp_path,
            env={**os.environ, "TENDRIL_WITHOUT": "flow,inference", **environment},
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                yield Runtime(process)
            finally:
                process.kill()

    return run


def test_up_and_down(runtime: Any, tmp_path: Path, alive: Callable[[int], bool]) -> None:
    """SIGTERM ends platform and services with code 0; meanwhile the folder tells where it is."""
    note = tmp_path / "data" / "platform.json"
    with runtime() as platform:
        platform.wait_until_up()
        assert json.loads(note.read_text()) == {"url": platform.url, "pid": platform.process.pid}
        assert platform.ask("/")[0] == 200
        said = json.loads(platform.ask("/services/echo/x", b"hi")[1])
        assert said["environment"]["K_SINK"] == f"{platform.url}/default/default"
        platform.process.send_signal(signal.SIGTERM)
        assert platform.process.wait(30) == 0
    assert not alive(said["pid"])
    assert not note.exists()


def test_an_event_reaches_a_service(runtime: Any, tmp_path: Path) -> None:
    """An event posted to the broker wakes the service whose Trigger wants it."""
    trigger = tmp_path / "mine.yaml"
    trigger.write_text(
        "{apiVersion: eventing.knative.dev/v1, kind: Trigger, metadata: {name: mine}, spec: {"
        "filter: {attributes: {type: test.hello}}, subscriber: {"
        "ref: {apiVersion: serving.knative.dev/v1, kind: Service, name: echo}, uri: /heard}}}"
    )
    with runtime(TENDRIL_MANIFESTS=str(trigger)) as platform:
        platform.wait_until_up()
        event = {"ce_specversion": "1.0", "ce_id": "1", "ce_source": "/me", "ce_type": "test.hello"}
        assert platform.ask("/default/default", b"hello", **event)[0] == 202
        deadline = time.monotonic() + 20
        while not platform.services()["echo"]["coldStarts"]:
            assert time.monotonic() < deadline
            time.sleep(0.05)


@pytest.mark.parametrize(
    ("setting", "value", "statuses", "reason"),
    [
        ("TENDRIL_MAX_SOURCE_RATE", "0.01", {202, 429}, b"more than 0.01 events a second"),
        ("TENDRIL_MIN_FREE_BYTES", str(1 << 60), {202, 503}, b"free some disk space"),
        ("TENDRIL_MAX_UNDELIVERED_BYTES", "1", {202, 503}, b"of events are not delivered yet"),
        ("TENDRIL_MAX_UNDELIVERED", "1", {202, 503}, b"deliveries are not done yet, and 1 may be"),
        ("TENDRIL_MAX_EVENT_BYTES", "2", {413}, b"larger than 2 bytes"),
    ],
)
def test_limits(
    runtime: Any, tmp_path: Path, setting: str, value: str, statuses: set[int], reason: bytes
) -> None:
    """Each limit of the broker is a setting, and says so where it refuses an event."""
    trigger = tmp_path / "mine.yaml"
    trigger.write_text(
        "{apiVersion: eventing.knative.dev/v1, kind: Trigger, metadata: {name: mine}, spec: {"
        "filter: {attributes: {type: test.hello}}, subscriber: {"
        "ref: {apiVersion: serving.knative.dev/v1, kind: Service, name: echo},"
        " uri: '/slow?seconds=60'}}}"
    )
    event = {"ce_specversion": "1.0", "ce_id": "1", "ce_source": "/me", "ce_type": "test.hello"}
    with runtime(TENDRIL_MANIFESTS=str(trigger), **{setting: value}) as platform:
        platform.wait_until_up()
        deadline = time.monotonic() + 20
        status, body, seen = 0, b"", set()
        while status < 400:
            assert time.monotonic() < deadline, "never refused"
            status, body = platform.ask("/default/default", b"hello", **event)
            seen.add(status)
            time.sleep(0.05)
    assert seen <= statuses
    assert max(statuses) in seen
    assert reason in body


def test_kill_9_leaves_nothing(runtime: Any, alive: Callable[[int], bool], tmp_path: Path) -> None:
    """SIGKILL of the platform leaves no process, and the next one starts on the same folder."""
    with runtime() as platform:
        platform.wait_until_up()
        said = json.loads(platform.ask("/services/echo/x", b"hi")[1])
        platform.process.kill()
        platform.process.wait()
    deadline = time.monotonic() + 15
    while alive(said["pid"]) or alive(said["parent"]):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert (tmp_path / "data" / "platform.json").exists()
    with runtime() as platform:
        platform.wait_until_up()


def test_folder_in_use(runtime: Any) -> None:
    """A second platform on the same folder names the first one's pid and URL."""
    with runtime() as first:
        first.wait_until_up()
        with runtime() as second:
            assert second.process.wait(30) == 2
            said = second.process.stderr.read()
        assert f"in use by another platform (pid {first.process.pid}, {first.url})" in said
        assert "Traceback" not in said


def test_port_in_use(runtime: Any, tmp_path: Path) -> None:
    """A port that is taken is named with what to do."""
    with runtime() as first:
        first.wait_until_up()
        port = first.url.rpartition(":")[2]
        arguments = ["--port", port, "--data", str(tmp_path / "other")]
        done = refuse(*arguments)
    assert done.returncode == 2
    assert f"port {port} of 127.0.0.1 is in use" in done.stderr
    assert "--port" in done.stderr


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("TENDRIL_PORT", "many", "TENDRIL_PORT: Input should be a valid integer"),
        ("TENDRIL_TOOLS", "/nowhere", "the tools folder /nowhere does not exist"),
        ("TENDRIL_DISORDER", "chaos=1", "TENDRIL_DISORDER: unknown part 'chaos=1'"),
        ("TENDRIL_LOG_LEVEL", "LOUD", "TENDRIL_LOG_LEVEL: "),
        ("TENDRIL_WITHOUT", "flow,flaw", "TENDRIL_WITHOUT: no service 'flaw'; there are: "),
        ("TENDRIL_MAX_SOURCE_RATE", "inf", "TENDRIL_MAX_SOURCE_RATE: "),
        ("TENDRIL_MAX_UNDELIVERED", "-1", "TENDRIL_MAX_UNDELIVERED: "),
        ("TENDRIL_HOST", "not-an-address", "cannot listen on not-an-address"),
    ],
)
def test_wrong_setting(tmp_path: Path, name: str, value: str, message: str) -> None:
    """A wrong setting is named in one line, and nothing starts."""
    done = refuse("--data", str(tmp_path / "data"), **{name: value})
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.startswith("cannot start: ")
    assert "Traceback" not in done.stderr


def test_full_disk(runtime: Any, tmp_path: Path) -> None:
    """A data folder that cannot be written is named."""
    (tmp_path / "data").write_text("a file, not a folder")
    with runtime() as platform:
        assert platform.process.wait(30) == 1
        assert "cannot start: " in platform.process.stderr.read()


def refuse(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a platform that is expected not to start."""
    port = [] if "--port" in arguments or "TENDRIL_PORT" in environment else ["--port", "0"]
    return subprocess.run(
        [sys.executable, "-m", "knative.local", *port, *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
