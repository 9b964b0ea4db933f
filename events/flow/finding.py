"""What is wrong with a flow file, and where."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from events.source import Position


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One problem; `str()` is the line a person reads: `file:line:column: message`."""

    position: Position
    message: str

    def __str__(self) -> str:
        return f"{self.position}: {self.message}"


class FlowError(ValueError):
    """A text that is no flow; `findings` has every problem found, in the file's order."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        super().__init__("\n".join(map(str, findings)))
        self.findings = list(findings)


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """Return the findings in the file's order, each once."""
    return sorted(set(findings))


def near(word: str, known: Iterable[str]) -> str | None:
    """Return the one of `known` that `word` is most likely a misspelling of."""
    # only wrong flows pay for the import
    from difflib import get_close_matches

    folded = {name.casefold(): name for name in reversed(list(known))}
    matches = get_close_matches(word.casefold(), folded, n=1, cutoff=0.6)
    return folded[matches[0]] if matches else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return `; did you mean 'x'?`, or nothing when no known name is near."""
    match = near(word, known)
    return f"; did you mean '{match}'?" if match else ""
