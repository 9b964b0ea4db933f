"""A new tool's folder, rendered from templates: what goes in, and what it may be called."""

from __future__ import annotations

import keyword
import re
import sys
from dataclasses import dataclass
from importlib.resources import files
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

from knative.cli.exits import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

BUILT_IN: Final = frozenset({"http", "grpc", "openapi", "asyncapi", "mcp", "a2a"})
"""Functions that the DSL defines itself."""
_NAME: Final = re.compile(r"[a-z][a-z0-9]*([-_][a-z0-9]+)*")
_LONGEST: Final = 40


@dataclass(frozen=True, slots=True)
class ToolName:
    """A tool's name as a Knative Service (`word-count`); `package` is its folder's name."""

    service: str

    @property
    def package(self) -> str:
        """The name as Python imports it."""
        return self.service.replace("-", "_")

    @property
    def title(self) -> str:
        """The name as a heading."""
        return self.service.replace("-", " ").capitalize()


def named(text: str) -> ToolName:
    """Return the tool name that `text` is; refuse what no Service can be called."""
    if not _NAME.fullmatch(text) or len(text) > _LONGEST:
        hint = f"lower-case letters and digits, in words joined by '-', at most {_LONGEST} of them"
        raise UsageError(f"'{text}' cannot be a tool's name: use {hint}, like word-count")
    return ToolName(text.replace("_", "-"))


def taken(name: ToolName) -> bool:
    """Tell whether the DSL, Python or an installed package has this name already."""
    package = name.package
    return (
        name.service in BUILT_IN
        or keyword.iskeyword(package)
        or package in sys.stdlib_module_names
        or find_spec(package) is not None
        or find_spec(f"functions.{package}") is not None
    )


def render(name: ToolName) -> Mapping[str, str]:
    """Return the folder's files but function.yaml, which is generated from them."""
    from jinja2 import Environment, StrictUndefined  # lazy: only `new tool` needs it

    environment = Environment(undefined=StrictUndefined, keep_trailing_newline=True)  # noqa: S701 - no HTML
    rendered = {}
    for template in sorted(files("knative.cli").joinpath("templates").iterdir(), key=str):
        if template.name.endswith(".jinja"):
            file = template.name.removesuffix(".jinja").replace("NAME", name.package)
            source = environment.from_string(template.read_text(encoding="utf-8"))
            rendered[file] = source.render(tool=name)
    return rendered
