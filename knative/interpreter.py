"""The Python that our own programs run in: `events`, `functions` and `knative` are ours there.

They are plain names, and others have them too: a module in the working directory, a package of
another distribution (an editable installation comes after all those on the path). So no child
looks into the working directory first (`-P`), and our folder stands before every other one.
"""

from __future__ import annotations

import os
import sys
from typing import Final

_INSTALLED: Final = frozenset({"site-packages", "dist-packages"})


def home() -> str:
    """Return the folder that holds our packages: a clone's root, or where they are installed."""
    return os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120 - `tendril --version` is quick


def program(module: str, *arguments: str) -> list[str]:
    """Return the command line of `module`, one of ours; it wants `environment` as well."""
    return [sys.executable, "-P", "-m", module, *arguments]


def environment() -> dict[str, str]:
    """Return this process's environment with a PYTHONPATH that begins with our folder."""
    return {**os.environ, "PYTHONPATH": search_path(os.environ.get("PYTHONPATH", ""))}


def search_path(*parts: str) -> str:
    """Return a PYTHONPATH of our folder and then `parts`, each of them such a path too.

    Installed among other packages, ours need no place before the standard library, and get none.
    """
    every = [*_first(), *(folder for part in parts for folder in part.split(os.pathsep))]
    return os.pathsep.join(dict.fromkeys(folder for folder in every if folder))


def settle() -> None:
    """Let this process look into our folder first, and last where its script or command lies."""
    if not sys.flags.safe_path:
        sys.path.append(sys.path.pop(0))
    ours = _first()
    sys.path[:] = [*ours, *(folder for folder in sys.path if folder not in ours)]


def _first() -> list[str]:
    ours = home()
    return [] if os.path.basename(ours) in _INSTALLED else [ours]  # noqa: PTH119 - as above
