"""`python -m functions.container.job ASK SAID`: the tool's host in a Job's pod, for one task."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from functions.container.app import app
from functions.container.models import Settings
from functions.container.pod import Pod
from functions.host.job import run
from functions.host.logs import configure
from functions.host.settings import Settings as Host

if TYPE_CHECKING:
    from functions.host.tool import Tool


def main(arguments: list[str]) -> int:
    """Do the task whose event lies in $K_EVENT_PATH; 2 where the pod's folders are not named."""
    if len(arguments) != 2:  # noqa: PLR2004 - as the usage says
        sys.stderr.write("usage: python -m functions.container.job ASK SAID\n")
        return 2
    configure("container", Host().log_level)
    settings = Settings()
    pod = Pod(Path(arguments[0]), Path(arguments[1]), settings)
    tool: Tool = app.state.tool
    most = settings.job_start + settings.job_timeout + 60.0  # the pod's own limits speak first
    if status := run(replace(tool, handle=pod.handle, timeout=most)):
        return status  # and the program goes on, for whoever is started next
    pod.dismiss()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
