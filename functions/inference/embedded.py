"""The embedded engine: llama.cpp's own server, in this process.

It listens on the service's port itself, so no byte passes through Python.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import threading
import time
import urllib.request
from typing import TYPE_CHECKING, Any, Final

from events.errors import ErrorType, ToolError
from functions.inference.weights import find_weights, model_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from functions.inference.settings import Settings

log = logging.getLogger(__name__)

_POLL_SECONDS: Final = 0.05
_PHYSICAL_BATCH: Final = 128
"""Prompt tokens computed at once: little memory, and as fast as more on a few cores."""


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT, let running requests end, and leave the process."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    started = time.monotonic()
    server = _start(settings)
    log.info("serving %s after %.1f s", server.listening_address, time.monotonic() - started)
    stop.wait()
    drained = drain(lambda: _busy(server.listening_address), settings.drain)
    log.info("stopping, %s", "idle" if drained else "with requests unanswered")
    # the engine's own teardown can wait for a generation that nobody reads any more
    logging.shutdown()
    os._exit(0)


def drain(busy: Callable[[], bool], seconds: float) -> bool:
    """Wait until nothing is `busy`; False when that took longer than `seconds`."""
    deadline = time.monotonic() + seconds
    while busy():
        if time.monotonic() >= deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True


def _start(settings: Settings) -> Any:
    """Load the model and listen; returns when requests are answered."""
    import xllamacpp

    try:
        return xllamacpp.Server(parameters(settings))
    except (RuntimeError, ValueError) as error:
        detail = f"the embedded engine did not start on port {settings.port}: {error}"
        raise ToolError(detail, type=ErrorType.CONFIGURATION) from error


def parameters(settings: Settings) -> Any:
    """Return llama.cpp's parameters for `settings`."""
    import xllamacpp

    weights = find_weights(settings.gguf)
    chosen = xllamacpp.CommonParams()
    chosen.model.path = str(weights)
    chosen.model_alias = {model_name(weights)}
    chosen.hostnames, chosen.port = [settings.host], settings.port
    chosen.n_parallel, chosen.n_ctx, chosen.kv_unified = settings.slots, settings.context, True
    chosen.n_batch, chosen.n_ubatch = 4 * _PHYSICAL_BATCH, _PHYSICAL_BATCH
    chosen.cpuparams.n_threads = chosen.cpuparams_batch.n_threads = settings.workers
    # no prompt cache beyond the slots, no page, no downloads, no warm-up before listening
    chosen.cache_ram_mib, chosen.n_ctx_checkpoints = 0, 0
    chosen.ui, chosen.offline, chosen.warmup = False, True, False
    chosen.verbosity = 0
    return chosen


def _busy(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/slots", timeout=1) as response:  # noqa: S310 - ours
            return any(slot["is_processing"] for slot in json.load(response))
    except OSError:
        return False
