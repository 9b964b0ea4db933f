"""The hooks file on disk: read again whenever it has changed, so no restart is needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from functions.webhook.hooks import Hook, HooksError, read

if TYPE_CHECKING:
    from pathlib import Path

_Stamp = tuple[int, int, int]


class HookFile:
    """Hooks by name from `path`; an optional file that is not there declares none."""

    def __init__(self, path: Path, *, optional: bool) -> None:
        self._path = path
        self._optional = optional
        self._stamp: _Stamp | None = None
        self._hooks: dict[str, Hook] = {}

    def hooks(self) -> dict[str, Hook]:
        """Return what the file declares now; raise HooksError when it cannot be used."""
        stamp = self._stamped()
        if stamp != self._stamp:
            self._hooks = read(self._text(), str(self._path)) if stamp else {}
            self._stamp = stamp
        return self._hooks

    def _stamped(self) -> _Stamp | None:
        try:
            status = self._path.stat()
        except FileNotFoundError:
            if self._optional:
                return None
            raise HooksError(f"{self._path}: there is no such file") from None
        return status.st_mtime_ns, status.st_size, status.st_ino

    def _text(self) -> str:
        try:
            return self._path.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise HooksError(f"{self._path}: cannot be read: {error}") from None
