"""Which engine serves, and how vLLM is started; pure."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Final, Literal

from events.errors import ErrorType, ToolError

if TYPE_CHECKING:
    from functions.inference.settings import Settings

Engine = Literal["vllm", "embedded"]

ALIAS: Final = "default"
"""vLLM answers to this name too, so that callers need not know what is served; the embedded
engine answers to any."""


def choose(settings: Settings, *, vllm_installed: bool) -> Engine:
    """Return the engine; ToolError (configuration) when what was asked for cannot be."""
    if settings.engine == "embedded":
        return "embedded"
    if settings.engine == "auto":
        return "vllm" if vllm_installed and settings.model else "embedded"
    if not vllm_installed:
        raise _impossible("vLLM is not installed; install the extra `gpu`")
    if not settings.model:
        raise _impossible("vLLM needs a model; set TENDRIL_INFERENCE_MODEL")
    return "vllm"


def vllm_command(settings: Settings) -> list[str]:
    """Return the `vllm serve` command; the operator's own arguments come last and win."""
    return [
        "vllm",
        "serve",
        settings.model,
        f"--host={settings.host}",
        f"--port={settings.port}",
        # the first name is the one that answers carry
        "--served-model-name",
        settings.model,
        ALIAS,
        # without it, a stop aborts what is being answered
        f"--shutdown-timeout={settings.drain:.0f}",
        *shlex.split(settings.args),
    ]


def _impossible(reason: str) -> ToolError:
    detail = f"TENDRIL_INFERENCE_ENGINE=vllm: {reason}"
    return ToolError(detail, type=ErrorType.CONFIGURATION)
