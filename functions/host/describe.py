"""`python -m functions.host.describe FOLDER...`: write function.yaml from a tool's models.

With `--check` nothing is written: the exit status says whether the files are up to date.
"""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

import events  # noqa: F401 - before the user's folder is searched, which may have another

if TYPE_CHECKING:
    from functions.host.tool import Tool


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
    """Return the function.yaml of the tool in `folder`, ours or a user's own."""
    ours = folder.parent == Path(__file__).resolve().parents[1]
    if not ours:
        sys.path.insert(0, str(folder.parent))
    package = f"functions.{folder.name}" if ours else folder.name
    tool: Tool = importlib.import_module(f"{package}.app").app.state.tool
    shown = f"functions/{folder.name}" if ours else folder.name
    head = f"# Generated from models.py by `python -m functions.host.describe {shown}`.\n"
    return head + yaml.safe_dump(describe(tool), sort_keys=False, allow_unicode=True, width=100)


def main(arguments: list[str]) -> int:
    """Write or check every folder; 1 when a checked file is stale."""
    check = "--check" in arguments
    stale = 0
    for name in (a for a in arguments if a != "--check"):
        folder = Path(name).resolve()
        target, text = folder / "function.yaml", render(folder)
        if check and (not target.exists() or target.read_text("utf-8") != text):
            sys.stderr.write(f"{os.path.relpath(target)} is stale; run describe on {name}\n")
            stale = 1
        elif not check:
            target.write_text(text, "utf-8")
    return stale


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
