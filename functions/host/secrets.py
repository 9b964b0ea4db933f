"""Secrets by name: never in a definition, always from the environment or a mounted folder.

`TENDRIL_SECRET_<NAME>` (in the environment or `.env`; in capitals, dashes and dots as underscores)
is asked first, then `TENDRIL_SECRETS_DIR`: a file of the name, or a folder of the name with a file
for each property, as Kubernetes mounts a Secret; there `client.id` is the `id` of `client`.
A text that is a JSON object is one, any other text stays text. They are read anew each time, so
that they can be rotated.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

import orjson
from dotenv import dotenv_values

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*")


class SecretMissingError(LookupError):
    """A secret that is asked for and nobody has set; says where it was looked for."""


@dataclass(frozen=True, slots=True)
class Keyring:
    """Finds `ask-key` as TENDRIL_SECRET_ASK_KEY in `environment`, else as `folder`/ask-key."""

    environment: Mapping[str, str | None]
    folder: Path | None = None

    @classmethod
    def here(cls, folder: Path | None) -> Self:
        """Return the keyring of this process as its surroundings are now."""
        return cls({**dotenv_values(".env"), **os.environ}, folder)

    def secret(self, name: str) -> str:
        """Return the secret's text; raise SecretMissingError."""
        variable = _variable(name)
        value = self.environment.get(variable) or self._filed(name)
        if not value:
            raise self._missing(name, variable)
        return value

    def value(self, name: str) -> Any:
        """Return the secret's value: an object, or text; raise SecretMissingError."""
        mounted = self.folder / name if self.folder and _NAME.fullmatch(name) else None
        if not self.environment.get(_variable(name)) and mounted and mounted.is_dir():
            return _properties(mounted)
        return _parsed(self.secret(name))

    def _filed(self, name: str) -> str | None:
        if self.folder is None or not _NAME.fullmatch(name):
            return None
        try:
            return (self.folder / name).read_text("utf-8").strip()
        except (FileNotFoundError, IsADirectoryError):
            return None

    def _missing(self, name: str, variable: str) -> SecretMissingError:
        places = f"{variable} is not set"
        if self.folder:
            places += f" and there is no file {self.folder / name}"
        return SecretMissingError(f"the secret '{name}' is missing: {places}")


def _variable(name: str) -> str:
    return f"TENDRIL_SECRET_{re.sub('[-.]', '_', name.upper())}"


def _parsed(text: str) -> Any:
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
    return found if isinstance(found, dict) else text


def _properties(folder: Path) -> dict[str, Any]:
    """Return a mounted Secret's keys; Kubernetes' own links in there begin with two dots."""
    found: dict[str, Any] = {}
    for file in sorted(folder.iterdir()):
        if file.name.startswith("..") or not file.is_file():
            continue
        *outer, last = file.name.split(".")
        inner = found
        for name in outer:
            inner = inner.setdefault(name, {})
        inner[last] = file.read_text("utf-8").strip()
    return found
