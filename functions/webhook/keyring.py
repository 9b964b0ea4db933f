"""Secrets by name: never in a declaration, always from the environment or a mounted folder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class SecretMissingError(LookupError):
    """A secret that a hook names and nobody has set; says where it was looked for."""


@dataclass(frozen=True, slots=True)
class Keyring:
    """Finds `ask-key` as TENDRIL_SECRET_ASK_KEY in `environment`, else as `folder`/ask-key."""

    environment: Mapping[str, str | None]
    folder: Path | None = None

    def secret(self, name: str) -> str:
        """Return the secret, read anew so that it can be rotated; raise SecretMissingError."""
        variable = f"TENDRIL_SECRET_{name.upper().replace('-', '_')}"
        value = self.environment.get(variable) or self._filed(name)
        if not value:
            places = f"{variable} is not set"
            if self.folder:
                places += f" and there is no file {self.folder / name}"
            raise SecretMissingError(f"the secret '{name}' is missing: {places}")
        return value

    def _filed(self, name: str) -> str | None:
        try:
            return (self.folder / name).read_text("utf-8").strip() if self.folder else None
        except FileNotFoundError:
            return None
