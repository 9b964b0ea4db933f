"""Where the platform is: TENDRIL_URL, else the data folder's note, else port 8080."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

DEFAULT_URL = "http://127.0.0.1:8080"
DEFAULT_DATA = Path(".tendril")


@dataclass(frozen=True, slots=True)
class Address:
    """A platform's URL; `named` when the user chose it."""

    url: str
    named: bool


def find() -> Address:
    """Return the platform's address; the environment wins over `.env` and `.env` over the rest."""
    named = os.environ.get("TENDRIL_URL") or _dotenv()
    if named:
        return Address(named.rstrip("/"), named=True)
    return Address(noted(data_folder()) or DEFAULT_URL, named=False)


def data_folder() -> Path:
    """Return the data folder of the platform on this machine."""
    if not Path(".env").is_file():
        return Path(os.environ.get("TENDRIL_DATA") or DEFAULT_DATA)
    from knative.cli import settings  # lazy: commands start faster without pydantic

    return settings.platform().data


def noted(data: Path) -> str | None:
    """Return the URL that a platform left in its data folder; None where there is no note."""
    try:
        note = json.loads((data / "platform.json").read_text())
    except (OSError, ValueError):
        return None
    return str(note["url"]).rstrip("/") if isinstance(note, dict) and note.get("url") else None


def _dotenv() -> str | None:
    """Return TENDRIL_URL from `.env`; a file that is not there costs nothing."""
    if not Path(".env").is_file():
        return None
    from knative.cli import settings  # lazy: as above

    return settings.client().url
