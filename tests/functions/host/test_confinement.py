"""The confining child as a service of an ordinary user starts it: no superuser is needed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from functions.host.process import child
from tests.support.confinement import needs_confinement

PYTHON = "/usr/bin/python3"
"""One that any user may run; the test's own may lie in the superuser's home."""
COMMAND = (
    "id -u; grep -h CapEff /proc/self/status; kill -9 1; unshare -U true && echo unshared; "
    "cat /proc/1/environ; touch /usr/x /x; cat /task/given; ls -d /proc/[0-9]*; exit 7"
)


@needs_confinement
@pytest.mark.skipif(os.geteuid() != 0, reason="every other test is an ordinary user's then")
@pytest.mark.skipif(
    not (shutil.which("setpriv") and Path(PYTHON).exists()),
    reason="no setpriv, or no system Python",
)
def test_an_ordinary_user_confines_as_well() -> None:
    """Neither privileges nor the first process can be had, and the status comes out."""
    plan, status = os.memfd_create("plan"), os.memfd_create("status")
    limits = {"cpu": 5, "memory": 1 << 28, "disk": 1 << 20, "processes": 20}
    wanted = {
        "argv": ["/bin/sh", "-c", COMMAND],
        "environment": {},
        "files": {"given": "a file\n"},
        "readable": [path for path in ("/usr", "/bin", "/lib", "/lib64") if Path(path).exists()],
        "network": False,
        "limits": limits,
    }
    os.write(plan, json.dumps(wanted).encode())
    os.lseek(plan, 0, os.SEEK_SET)
    ordinary = ["setpriv", "--reuid=12345", "--regid=12345", "--clear-groups"]
    program = [PYTHON, "-I", "-S", "-c", Path(child.__file__).read_text(), str(plan), str(status)]
    ended = subprocess.run(
        [*ordinary, *program],
        pass_fds=(plan, status),
        env={"SECRET": "of the host"},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    said = ended.stdout.splitlines()
    assert os.pread(status, 1000, 0) == b""
    assert said[:3] == ["1000", f"CapEff:\t{0:016x}", "a file"], ended
    assert ended.returncode == 7
    assert len(said) <= 6  # the processes: the first, the shell and its own
    os.close(plan)
    os.close(status)
