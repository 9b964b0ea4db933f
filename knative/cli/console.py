"""What a command says: its output on stdout, everything else on stderr."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from io import StringIO
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import typer

PIPED_WIDTH: Final = 200
"""Columns of a table that goes to a file or a pipe."""

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


def emit(value: Any, *, compact: bool = False) -> None:
    """Print a JSON value on stdout: indented for people, on one line for programs."""
    layout: dict[str, Any] = {"separators": (",", ":")} if compact else {"indent": 2}
    typer.echo(json.dumps(value, ensure_ascii=False, **layout))


def say(text: str, color: str | None = None) -> None:
    """Print a line of human-readable program output on stdout; in a color on a terminal."""
    typer.secho(text, fg=color)


def note(text: str) -> None:
    """Print a line for the person on stderr."""
    typer.echo(text, err=True)


def aside(text: str) -> None:
    """Print a line on a terminal's stderr; nothing where a program reads it."""
    if sys.stderr.isatty():
        note(text)


class Styled(NamedTuple):
    """A cell that a terminal shows in a style of rich's; elsewhere it is its text."""

    text: str
    style: str


def table(columns: Sequence[str], rows: Sequence[Sequence[object]], empty: str) -> None:
    """Print aligned rows on stdout; the sentence `empty` where there are none."""
    if not rows:
        note(empty)
        return
    # lazy: only commands that print tables pay for rich
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        grid.add_column(column, overflow="fold")
    for row in rows:
        cells = (cell if isinstance(cell, Styled) else Styled(_shown(cell), "") for cell in row)
        grid.add_row(*(Text(cell.text, cell.style) for cell in cells))
    if sys.stdout.isatty():
        Console().print(grid)
        return
    plain = Console(file=StringIO(), width=PIPED_WIDTH)
    with plain.capture() as captured:
        plain.print(grid)
    say("\n".join(line.rstrip() for line in captured.get().splitlines()))


def _shown(cell: object) -> str:
    return "" if cell is None else str(cell)


@contextmanager
def progress(doing: str) -> Iterator[None]:
    """Show on a terminal that something takes its time; nothing elsewhere."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console  # lazy, as above

    with Console(stderr=True).status(f"{doing} ..."):
        yield
