"""A service's log file: what its process writes, kept to a bounded size."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

LONGEST: Final = 10 * 1024 * 1024
_TAIL: Final = 2000


@dataclass(frozen=True, slots=True)
class Journal:
    """One log file and its predecessor (`.1`); processes append to it themselves."""

    path: Path
    longest: int = LONGEST

    def size(self) -> int:
        """Bytes written so far; 0 without a file."""
        return self.path.stat().st_size if self.path.exists() else 0

    def rotate(self) -> None:
        """Copy a file that grew too long aside and empty it.

        The writing process keeps its descriptor, which is in append mode: it goes on at the
        beginning. Lines written between the copy and the cut are lost.
        """
        if self.size() > self.longest:
            shutil.copyfile(self.path, self.path.with_name(self.path.name + ".1"))
            with self.path.open("r+b") as file:
                file.truncate(0)

    def tail(self, start: int = 0) -> str:
        """Return the last lines written after byte `start`, at most 2000 characters."""
        if not self.path.exists():
            return ""
        with self.path.open("rb") as file:
            file.seek(max(start, self.size() - _TAIL) if start <= self.size() else 0)
            text = file.read().decode(errors="replace")
        return text.strip()[-_TAIL:]
