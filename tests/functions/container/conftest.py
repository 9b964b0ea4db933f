"""An image made of this machine's own shell, a real podman where there is one, and a context."""

from __future__ import annotations

import re
import resource
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.surroundings import surroundings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from functions.host.context import Context

IMAGE = "tendril-test"
CONFIGURATION = """
[containers]
default_ulimits = ["nofile=1024:1024", "nproc={processes}:{processes}"]
[engine]
{runtime}
"""


@pytest.fixture
async def context(tmp_path: Path) -> AsyncIterator[Context]:
    """A task's surroundings."""
    async with surroundings(tmp_path) as given:
        yield given


def podman(*arguments: str, data: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["podman", *arguments], input=data, capture_output=True, check=False)


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Make the image; skip where no podman can run it."""
    if not shutil.which("podman"):
        pytest.skip("no podman is installed")
    file = tmp_path_factory.mktemp("podman") / "containers.conf"
    processes = min(1024, resource.getrlimit(resource.RLIMIT_NPROC)[1] & 0xFFFF)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CONTAINERS_CONF", str(file))
        file.write_text(CONFIGURATION.format(processes=processes, runtime=""))
        made = podman("import", "-", IMAGE, data=_archive(tmp_path_factory.mktemp("root")))
        tried = [made]
        for runtime in ("", 'runtime = "runc"'):
            file.write_text(CONFIGURATION.format(processes=processes, runtime=runtime))
            run = (
                "run",
                "--rm",
                "--pids-limit=64",
                "--memory=64m",
                IMAGE,
                "/bin/sh",
                "-c",
                "exit 0",
            )
            tried.append(podman(*run))
            if tried[-1].returncode == 0:
                yield IMAGE
                podman("rmi", "--force", IMAGE)
                return
    pytest.skip(f"podman runs nothing here: {tried[-1].stderr.decode()}")


def _archive(root: Path) -> bytes:
    """Return the shell, `cat` and `sleep`, with the libraries they are linked with."""
    for name in ("sh", "cat", "sleep"):
        program = Path(str(shutil.which(name))).resolve()
        linked = subprocess.run(["ldd", program], capture_output=True, text=True, check=False)
        for file in [program, *map(Path, re.findall(r"/\S+", linked.stdout))]:
            inside = Path("bin", name) if file == program else file.relative_to("/")
            (root / inside).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, root / inside)
    tar = ["tar", "-C", str(root), "-c", "."]
    return subprocess.run(tar, capture_output=True, check=True).stdout
