"""The default catalog as this host sees it: every function.yaml of ours and of the user's."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

from events.errors import ErrorType, ToolError
from events.flow.catalog import Catalog, Function
from events.source import SourceError, read


def load(tools: str = "") -> Catalog:
    """Return the catalog of the installed tools and of the folders in `tools` (like PATH).

    A user's folder holds one folder for each tool. ToolError (configuration) names the file
    that is wrong, and where.
    """
    folders = [Path(__file__).resolve().parents[1]]
    folders += [Path(name) for name in tools.split(os.pathsep) if name]
    files = [file for folder in folders for file in sorted(folder.glob("*/function.yaml"))]
    return Catalog(tuple(_function(file, file.read_text("utf-8")) for file in files))


@cache  # each deployment asks for all of them
def _function(file: Path, text: str) -> Function:
    try:
        return Function.from_document(read(text, str(file)).value)
    except SourceError as error:
        reason = str(error)  # begins with file, line and column
    except ValueError as error:
        reason = f"{file}: {error}"
    advice = f"write it anew: python -m functions.host.describe {file.parent}"
    raise ToolError(f"{reason}; {advice}", type=ErrorType.CONFIGURATION, status=500)
