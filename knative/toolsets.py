"""Where services come from: folders whose children each hold a `service.yaml`.

The functions that ship with Tendril are one such folder, found as data and never imported;
the folders in TENDRIL_TOOLS are the user's own.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from knative.resources import Service, load

if TYPE_CHECKING:
    from collections.abc import Sequence


class ToolsetError(ValueError):
    """A folder of tools that cannot be used, and what to do about it."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """A service and the folder it stands in."""

    service: Service
    folder: Path

    @property
    def root(self) -> Path:
        """The folder that goes on PYTHONPATH: the one that holds the service's folder."""
        return self.folder.parent


def find(tools: Sequence[Path] = ()) -> list[Deployment]:
    """Return the services of Tendril's own functions and of the folders `tools`, by name.

    Raises ToolsetError or ResourceError.
    """
    found: dict[str, Deployment] = {}
    for root in (own(), *tools):
        for deployment in within(root):
            other = found.setdefault(deployment.service.name, deployment)
            if other is not deployment:
                raise ToolsetError(
                    f"{deployment.folder} and {other.folder} both define the service "
                    f"'{deployment.service.name}'; rename one of them"
                )
    return [found[name] for name in sorted(found)]


def own() -> Path:
    """Return the folder of the functions that ship with Tendril."""
    spec = importlib.util.find_spec("functions")
    if spec is None or not spec.submodule_search_locations:
        raise ToolsetError("the package `functions` is not installed; reinstall tendril")
    return Path(next(iter(spec.submodule_search_locations)))


def within(root: Path) -> list[Deployment]:
    """Return the services in the children of `root`."""
    if not root.is_dir():
        raise ToolsetError(f"the tools folder {root} does not exist; correct TENDRIL_TOOLS")
    if (root / "service.yaml").exists():
        raise ToolsetError(f"{root} is a tool; put its parent {root.parent} in TENDRIL_TOOLS")
    files = sorted(root.glob("*/service.yaml"))
    return [Deployment(_service(file), file.parent) for file in files]


def _service(file: Path) -> Service:
    resources = load(file)
    if len(resources) != 1 or not isinstance(resources[0], Service):
        kinds = ", ".join(resource.kind for resource in resources) or "nothing"
        raise ToolsetError(f"{file}: expected exactly one Service, found {kinds}")
    return resources[0]
