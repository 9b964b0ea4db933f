"""The llm tool against the platform's own inference service, for real."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from functions.llm.handler import handle
from functions.llm.models import In

if TYPE_CHECKING:
    from collections.abc import Iterator

    from functions.host.context import Context

SAMPLE = Path(__file__).parents[3] / "functions" / "llm" / "sample.json"


def _ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/v1/models", timeout=5) as answer:  # noqa: S310 - ours
            return bool(answer.status == 200)
    except OSError:
        return False


@pytest.fixture(scope="module")
def services() -> Iterator[str]:
    """Serve the embedded model; return the URL template that leads to it."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "functions.inference"],
        env=os.environ | {"PORT": str(port), "TENDRIL_INFERENCE_ENGINE": "embedded"},
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + 60
    while not _ready(url):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    yield url
    process.kill()
    process.wait()


async def test_the_default_provider_is_the_platforms_own(
    services: str, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without configuration the sample's question is answered by the embedded model."""
    monkeypatch.setenv("TENDRIL_SERVICES", services)
    out = await handle(In.model_validate(json.loads(SAMPLE.read_text())["input"]), context)
    assert "Anna Lindqvist" in out.text
    assert (out.provider, out.model) == ("inference", "smollm2-135m-instruct")
    assert out.usage.total_tokens == out.usage.input_tokens + out.usage.output_tokens > 0


async def test_a_schema_is_kept_by_the_real_engine(
    services: str, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine's grammar makes even the smallest model answer in the schema."""
    monkeypatch.setenv("TENDRIL_SERVICES", services)
    schema = {
        "type": "object",
        "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
        "required": ["name", "age"],
        "additionalProperties": False,
    }
    request = {"prompt": "The cat Tom is 3 years old. Name and age?", "temperature": 0}
    out = await handle(In.model_validate(request | {"schema": schema}), context)
    assert out.json_ == {"name": "Tom", "age": 3}
