"""`python -m functions.inference`: serve the OpenAI API on $PORT."""

from __future__ import annotations

import importlib.util
import logging
import os
import shutil
import sys
from pathlib import Path

from events.errors import ToolError
from functions.host.logs import configure
from functions.inference.embedded import serve
from functions.inference.engine import choose, vllm_command
from functions.inference.settings import Settings

log = logging.getLogger("functions.inference")


def main() -> int:
    """Serve until told to stop; 1 when the configuration cannot be served."""
    settings = Settings()
    configure("inference", "INFO")
    # found, not imported: importing vLLM costs seconds and gigabytes
    vllm_installed = importlib.util.find_spec("vllm") is not None
    try:
        engine = choose(settings, vllm_installed=vllm_installed)
        if vllm_installed and engine == "embedded":
            log.warning("vLLM is installed but unused: name its model in TENDRIL_INFERENCE_MODEL")
        if engine == "vllm":
            _become(vllm_command(settings))
        serve(settings)
    except ToolError as error:
        log.error("%s", error)  # noqa: TRY400 - the message says all, a traceback hides it
    return 1


def _become(command: list[str]) -> None:
    """Replace this process, so that the runtime's signals reach the engine itself."""
    beside = Path(sys.executable).parent / command[0]
    program = str(beside) if beside.exists() else shutil.which(command[0])
    log.info("starting %s", " ".join(command))
    os.execv(program or command[0], command)  # noqa: S606 - an operator's own command, no shell


if __name__ == "__main__":
    sys.exit(main())
