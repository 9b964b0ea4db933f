"""`python -m functions.host MODULE:APP`: serve an app on $PORT, drain on SIGTERM."""

from __future__ import annotations

import gc
import sys

import uvicorn

from functions.host.logs import configure
from functions.host.settings import Settings

DRAIN_SECONDS = 30
GENERATIONS = (50_000, 20, 100)
"""Collector thresholds: a request's garbage dies by reference counting, cycles are rare."""


def main(arguments: list[str]) -> int:
    """Run until told to stop; 2 when the argument is not MODULE:APP."""
    if len(arguments) != 1 or ":" not in arguments[0]:
        sys.stderr.write("usage: python -m functions.host MODULE:APP\n")
        return 2
    settings = Settings()
    configure(settings.service or arguments[0], settings.log_level)
    gc.set_threshold(*GENERATIONS)
    uvicorn.run(
        arguments[0],
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=DRAIN_SECONDS,
        server_header=False,
        proxy_headers=False,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
