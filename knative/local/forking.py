"""The program of a template process: imports modules once, then forks services on request.

It stays single-threaded, so that a fork copies a process in a known state, and it is the
guardian of what it forked: when its control socket closes, because the platform ended or was
killed, it kills every group it started. The other end is `knative.local.template`.

Lines of JSON come in, `{"id", "argv", "module", "env", "folder", "log", "name"}` each, and go
out: `{"ready": true}`, `{"id", "pid"}`, `{"exited": pid, "status": code}`.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import runpy
import selectors
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from knative.local import lifeline, memory

Job = Mapping[str, Any]


class Forker:
    """The template's loop; `jobs` yields, in a child, the one job that child is to do."""

    def __init__(self, control: socket.socket, lifeline_pipe: int) -> None:
        self._control = control
        self._lifeline = lifeline_pipe
        self._children: set[int] = set()
        self._pending = b""

    def run(self) -> Job | None:
        """Serve until the control socket closes (None) or, in a forked child, give its job."""
        woken, wake = socket.socketpair()
        wake.setblocking(False)  # noqa: FBT003 - its only parameter
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake.fileno())
        with selectors.DefaultSelector() as selector:
            selector.register(self._control, selectors.EVENT_READ)
            selector.register(woken, selectors.EVENT_READ)
            self._say({"ready": True})
            job = self._serve(selector, woken)
        woken.close()
        wake.close()
        return job

    def _serve(self, selector: selectors.BaseSelector, woken: socket.socket) -> Job | None:
        while True:
            ready = {key.fileobj for key, _ in selector.select()}
            if woken in ready:
                woken.recv(4096)
                self._reap()
            if self._control not in ready:
                continue
            received = self._control.recv(1 << 16)
            if not received:
                self._end()
                return None
            for job in self._jobs(received):
                if self._fork(job):
                    return job

    def _jobs(self, received: bytes) -> list[Job]:
        *lines, self._pending = (self._pending + received).split(b"\n")
        return [json.loads(line) for line in lines]

    def _fork(self, job: Job) -> bool:
        """Fork; True in the child."""
        if threading.active_count() > 1:
            self._say({"id": job["id"], "error": "a preloaded module started threads"})
            return False
        template = os.getpid()
        pid = os.fork()
        if pid:
            self._children.add(pid)
            self._say({"id": job["id"], "pid": pid})
            return False
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self._control.close()
        os.setsid()
        lifeline.die_with(template)
        return True

    def _reap(self) -> None:
        while self._children and (pid := _ended()):
            _kill(pid)
            _, status = os.waitpid(pid, 0)
            self._children.discard(pid)
            self._say({"exited": pid, "status": os.waitstatus_to_exitcode(status)})

    def _say(self, message: dict[str, Any]) -> None:
        with contextlib.suppress(OSError):  # the next read sees that the platform is gone
            self._control.sendall(json.dumps(message).encode() + b"\n")

    def _end(self) -> None:
        for pid in self._children:
            _kill(pid)


def _ended() -> int | None:
    """Return a child that ended, still unreaped: its number, and its group's, stays taken."""
    found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    return found.si_pid if found else None


def _kill(group: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def become(job: Job, lifeline_pipe: int) -> None:
    """Turn this forked child into the service that `job` describes; returns when it ends."""
    redirect(job["log"])
    os.chdir(job["folder"])
    os.environ.clear()
    os.environ.update(job["env"])
    lifeline.name(job["name"])
    if not job["module"]:
        _execute(job["argv"], job["env"])
    lifeline.watch(lifeline_pipe)
    gc.enable()
    sys.path[:] = _search_path(job)
    sys.argv = list(job["argv"])
    importlib.invalidate_caches()
    runpy.run_module(job["module"], run_name="__main__", alter_sys=True)


def _search_path(job: Job) -> list[str]:
    """Return where the service's modules are: as in a process of its own, the folder last."""
    path = [part for part in job["env"].get("PYTHONPATH", "").split(os.pathsep) if part]
    return list(dict.fromkeys([*path, *sys.path, job["folder"]]))


def _execute(argv: list[str], environment: dict[str, str]) -> NoReturn:
    try:
        os.execvpe(argv[0], argv, environment)  # noqa: S606 - the manifest's command
    except OSError as error:
        sys.exit(f"cannot run '{argv[0]}': {error.strerror}; correct the command in service.yaml")


def redirect(log: str) -> None:
    """Send standard output and error to a file, and read nothing."""
    source = os.open(os.devnull, os.O_RDONLY)
    target = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.dup2(source, 0)
    os.dup2(target, 1)
    os.dup2(target, 2)
    os.close(source)
    os.close(target)


def main() -> None:
    """Run a template: arguments are two descriptors (control, lifeline) and modules."""
    work(socket.socket(fileno=int(sys.argv[1])), int(sys.argv[2]), sys.argv[3:])


def work(control: socket.socket, pipe: int, modules: Sequence[str]) -> None:
    """Be a template until the control socket closes or, in a forked child, be its service."""
    gc.disable()
    for module in modules:
        _preload(module)
    memory.settle()
    job = Forker(control, pipe).run()
    if job is not None:
        become(job, pipe)


def _preload(module: str) -> None:
    """Import a module; one that cannot be imported is reported where a service needs it."""
    try:
        importlib.import_module(module)
    except Exception:  # noqa: BLE001 - whatever a module's import may raise
        traceback.print_exc()


if __name__ == "__main__":
    main()
