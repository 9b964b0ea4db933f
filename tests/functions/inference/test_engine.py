"""Which engine serves, and with what command."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Any

import pytest

from events.errors import ErrorType, ToolError
from functions.inference.engine import choose, vllm_command
from functions.inference.settings import Settings
from functions.inference.weights import find_weights, model_name

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.mark.parametrize(
    ("engine", "model", "installed", "chosen"),
    [
        ("auto", "m", True, "vllm"),
        ("auto", "m", False, "embedded"),
        ("auto", "", True, "embedded"),
        ("vllm", "m", True, "vllm"),
        ("embedded", "m", True, "embedded"),
    ],
)
def test_the_engine_follows_from_settings(
    engine: Any, model: str, installed: bool, chosen: str
) -> None:
    """Installed and with a model, vLLM serves; otherwise the embedded engine does."""
    settings = Settings(engine=engine, model=model)
    assert choose(settings, vllm_installed=installed) == chosen


@pytest.mark.parametrize(("model", "installed"), [("", True), ("m", False)])
def test_an_impossible_engine_says_what_is_missing(model: str, installed: bool) -> None:
    """Asking for vLLM without it or without a model is a configuration error."""
    with pytest.raises(ToolError, match="TENDRIL_INFERENCE_ENGINE=vllm") as caught:
        choose(Settings(engine="vllm", model=model), vllm_installed=installed)
    assert caught.value.problem.type == ErrorType.CONFIGURATION


def test_the_operators_arguments_come_last() -> None:
    """Arguments are shell words and may override ours."""
    settings = Settings(model="/models/a b", args="--port=9 --chat-template 'x y'", port=7)
    command = vllm_command(settings)
    assert command[:3] == ["vllm", "serve", "/models/a b"]
    assert command[-3:] == ["--port=9", "--chat-template", "x y"]
    assert "--port=7" in command
    assert command[command.index("--served-model-name") + 1 :][:2] == ["/models/a b", "default"]


def test_vllm_replaces_the_process_and_is_never_imported(
    tmp_path: Path, start: Callable[..., Any]
) -> None:
    """With vLLM there, `vllm serve` runs in the same process with what was configured."""
    (tmp_path / "vllm").mkdir()
    (tmp_path / "vllm" / "__init__.py").write_text("raise SystemExit('imported')")
    program = tmp_path / "bin" / "vllm"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\necho "$$ $*"\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    service = start(
        PYTHONPATH=str(tmp_path),
        PATH=str(program.parent),
        TENDRIL_INFERENCE_MODEL="some/model",
        TENDRIL_INFERENCE_ARGS="--max-model-len 512",
    )
    status, out, _ = service.end()
    assert status == 0
    assert out.startswith(f"{service.process.pid} serve some/model --host=127.0.0.1")
    assert out.endswith("--max-model-len 512\n")


def test_the_packaged_weights_are_found_without_importing_their_package() -> None:
    """The GGUF file lies in a package whose code cannot be imported here."""
    weights = find_weights("")
    assert weights.stat().st_size > 50_000_000
    assert model_name(weights) == "smollm2-135m-instruct"


def test_a_missing_file_is_named() -> None:
    """A wrong path in the setting is a configuration error."""
    with pytest.raises(ToolError, match=r"TENDRIL_INFERENCE_GGUF: there is no file /no/x\.gguf"):
        find_weights("/no/x.gguf")


def test_one_core_is_left_to_the_platform() -> None:
    """Threads are the cores but one, at least one, or what was set."""
    assert Settings().workers == max(1, (os.cpu_count() or 1) - 1)
    assert Settings(threads=7).workers == 7
