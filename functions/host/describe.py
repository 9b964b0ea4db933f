"""Write function.yaml, a tool's entry in the catalog, from the tool's models."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

import events  # noqa: F401 - before the user's folder is searched, which may have another

if TYPE_CHECKING:
    from functions.host.tool import Tool


class NoTool(Exception):  # noqa: N818 - read as a sentence where it is caught
    """What a folder has is no tool's: its app was not made by `serve`."""


def describe(tool: Tool) -> dict[str, Any]:
    """Return a tool's entry in the default catalog."""
    request = tool.request.model_json_schema(by_alias=True, mode="validation")
    result = tool.result.model_json_schema(by_alias=True, mode="serialization")
    return {
        "name": tool.name,
        "version": tool.version,
        "summary": tool.summary,
        "input": {"schema": {"format": "json", "document": request}},
        "output": {"schema": {"format": "json", "document": result}},
        "metadata": {"tendril": {"timeout": tool.timeout}},
    }


def render(folder: Path) -> str:
    """Return the function.yaml of the tool in `folder`, ours or a user's own; or raise NoTool."""
    ours = folder.parent == Path(__file__).resolve().parents[1]
    if not ours:
        sys.path.insert(0, str(folder.parent))
    package = f"functions.{folder.name}" if ours else folder.name
    app = importlib.import_module(f"{package}.app").app
    tool: Tool | None = getattr(app.state, "tool", None)
    if tool is None:
        raise NoTool(f"{folder} is no tool's folder: its app was not made by serve()")
    shown = f"functions/{folder.name}" if ours else folder.name
    head = f"# Generated from models.py by `python -m functions.host.describe {shown}`.\n"
    return head + yaml.safe_dump(describe(tool), sort_keys=False, allow_unicode=True, width=100)


def main(arguments: list[str]) -> int:
    """Write or check every folder; 1 when a checked file is stale, 2 for bad usage."""
    parser = argparse.ArgumentParser(prog="python -m functions.host.describe", description=__doc__)
    parser.add_argument(
        "folders", metavar="FOLDER", nargs="+", type=_folder, help="a tool's, with its app.py"
    )
    parser.add_argument(
        "--check", action="store_true", help="write nothing; status 1 if a file is not up to date"
    )
    given, stale = parser.parse_args(arguments), 0
    for folder in given.folders:
        target = folder / "function.yaml"
        try:
            text = render(folder)
        except NoTool as error:
            parser.error(str(error))
        if not given.check:
            target.write_text(text, "utf-8")
        elif not target.exists() or target.read_text("utf-8") != text:
            shown = os.path.relpath(folder)
            sys.stderr.write(f"{shown}/function.yaml is stale; run describe on {shown}\n")
            stale = 1
    return stale


def _folder(name: str) -> Path:
    folder = Path(name).resolve()
    if not (folder / "app.py").is_file():
        raise argparse.ArgumentTypeError(f"{name} is no tool's folder: it has no app.py")
    return folder


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
