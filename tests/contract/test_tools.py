"""What every task tool promises to the catalog, to `check` and to the runtime."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema_rs
import pytest
import yaml

from functions.host.describe import render

if TYPE_CHECKING:
    from functions.host.tool import Tool

FUNCTIONS = Path(__file__).resolve().parents[2] / "functions"
TOOLS = sorted(file.parent for file in FUNCTIONS.glob("*/function.yaml"))
DELIVERY_MARGIN = 30
"""Seconds a Trigger waits longer than its service may take; `knative.render` adds them."""


@pytest.fixture(params=TOOLS, ids=lambda folder: folder.name)
def folder(request: pytest.FixtureRequest) -> Path:
    """Each tool's folder."""
    found: Path = request.param
    return found


@pytest.fixture
def function(folder: Path) -> dict[str, Any]:
    """Its catalog entry."""
    loaded: dict[str, Any] = yaml.safe_load((folder / "function.yaml").read_text("utf-8"))
    return loaded


@pytest.fixture
def tool(folder: Path) -> Tool:
    """What its app serves."""
    import importlib

    found: Tool = importlib.import_module(f"functions.{folder.name}.app").app.state.tool
    return found


def test_the_catalog_entry_is_generated_from_the_models(folder: Path) -> None:
    """function.yaml is exactly what `describe` writes; edit models.py and run it again."""
    assert (folder / "function.yaml").read_text("utf-8") == render(folder)


def test_the_sample_fits_schema_and_model(
    folder: Path, function: dict[str, Any], tool: Tool
) -> None:
    """sample.json is an input that `check` and the handler's model both take."""
    sample = json.loads((folder / "sample.json").read_text("utf-8"))["input"]
    jsonschema_rs.validate(function["input"]["schema"]["document"], sample)
    tool.request.model_validate(sample)


def test_every_field_is_described(function: dict[str, Any]) -> None:
    """A person who reads the catalog finds a sentence for each property of the input."""
    schema = function["input"]["schema"]["document"]
    silent = [
        f"{name}.{key}"
        for name, part in [("", schema), *schema.get("$defs", {}).items()]
        for key, value in part.get("properties", {}).items()
        if not {"description", "const", "$ref"} & value.keys()
    ]
    assert silent == []


def test_each_limit_lies_inside_the_next(folder: Path, tool: Tool) -> None:
    """The handler's time is less than the service's, which is less than the delivery's."""
    service = yaml.safe_load((folder / "service.yaml").read_text("utf-8"))
    seconds = service["spec"]["template"]["spec"]["timeoutSeconds"]
    assert tool.timeout < seconds < seconds + DELIVERY_MARGIN <= 600 + DELIVERY_MARGIN


def test_the_version_is_the_triggers_major(folder: Path, tool: Tool) -> None:
    """The service's labels name the tool and the major version that its Trigger filters on."""
    service = yaml.safe_load((folder / "service.yaml").read_text("utf-8"))
    labels = service["metadata"]["labels"]
    assert labels == {"tendril.dev/tool": tool.name, "tendril.dev/major": str(tool.major)}
