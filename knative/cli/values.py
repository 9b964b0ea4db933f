"""JSON given on a command line: itself, `@file`, or `-` for standard input."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from knative.cli.exits import UsageError


def given(text: str, option: str) -> Any:
    """Return the JSON value that `text` is or names; `option` is named in errors."""
    source, content = contents(text, option)
    try:
        return json.loads(content)
    except json.JSONDecodeError as error:
        where = f"{source}:{error.lineno}:{error.colno}"
        hint = "" if source != option else "; quote it as JSON, or give @file or -"
        raise UsageError(f"{where}: not JSON: {error.msg}{hint}") from error


def contents(text: str, option: str) -> tuple[str, str]:
    """Return where the text stands (for messages) and the text itself."""
    if text == "-":
        return "<stdin>", sys.stdin.read()
    if not text.startswith("@"):
        return option, text
    return text[1:], read_file(Path(text[1:]))


def read_file(path: Path) -> str:
    """Return a UTF-8 text file's content, or say why that is not possible."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: is not UTF-8 text: {error.reason}") from error
