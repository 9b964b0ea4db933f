"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Fetch = Annotated[
    bool,
    typer.Option(
        "--fetch", help="Also fetch what the flow takes from elsewhere, as its deployment does."
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs on stdout.")]
Data = Annotated[
    Path | None,
    typer.Option("--data", help="The platform's data folder. Default: TENDRIL_DATA or ./.tendril."),
]
