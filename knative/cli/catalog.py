"""The functions that a flow may call, read as data from their function.yaml files."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from events import source
from knative.cli.exits import UsageError
from knative.cli.values import read_file

if TYPE_CHECKING:
    from events.flow.catalog import Catalog, Function

CARD = "function.yaml"


def catalog() -> Catalog:
    """Return the catalog of the platform's own tools and of the user's in TENDRIL_TOOLS."""
    from events.flow.catalog import Catalog  # lazy: pydantic

    return Catalog(tuple(_function(card, read_file(card)) for card in cards(tool_folders())))


def tool_folders() -> list[Path]:
    """Return the folders that hold tools: the platform's first, then TENDRIL_TOOLS in order."""
    from knative.cli import settings  # lazy: pydantic

    spec = find_spec("functions")
    own = [Path(place) for place in (spec.submodule_search_locations or ())] if spec else []
    return [*own, *settings.platform().tool_folders]


def cards(folders: list[Path]) -> list[Path]:
    """Return the function.yaml of every tool in the folders."""
    found: list[Path] = []
    for folder in folders:
        if not folder.is_dir():
            raise UsageError(f"{folder}: no such folder; TENDRIL_TOOLS names it")
        if (folder / CARD).is_file():
            raise UsageError(
                f"{folder}: is a tool; put its parent {folder.parent} in TENDRIL_TOOLS"
            )
        found += sorted(folder.glob(f"*/{CARD}"))
    return found


@cache  # a command that reads many flows asks again for each of them
def _function(card: Path, text: str) -> Function:
    from events.flow.catalog import Function  # lazy: pydantic

    try:
        return Function.from_document(source.read(text, str(card)).value)
    except source.SourceError as error:
        raise UsageError(str(error)) from error
    except (KeyError, TypeError, ValueError) as error:
        again = f"write it again with `python -m functions.host.describe {card.parent}`"
        raise UsageError(f"{card}: is not a catalog entry ({error}); {again}") from error
