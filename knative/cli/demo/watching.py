"""Following runs while they go on: finding the run that an event started, telling its hops."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from knative.cli.client import FLOW, Platform, Refused, segment
from knative.cli.exits import CommandError, Exit, Unreachable
from knative.cli.trail import Trail

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from knative.cli.demo.telling import Teller

POLL: Final = 0.05
QUIET: Final = 600.0
"""Seconds without news after which a stream of events counts as dead."""
FOLLOWED: Final = 32
"""Runs followed at once."""


@dataclass(slots=True)
class Watcher:
    """Follows runs on one platform; `patience` is in seconds."""

    platform: Platform
    teller: Teller
    patience: float = 120.0
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    _seen: dict[str, int] = field(default_factory=dict)
    _trails: dict[str, Trail] = field(default_factory=dict)

    def runs_of(self, flow: str, event_ids: Iterable[str]) -> dict[str, str]:
        """Return the id of the run that each event started, as soon as all are there."""
        wanted, found = set(event_ids), dict[str, str]()

        def look() -> bool:
            listed = self.platform.get(f"{FLOW}/runs", flow=flow, limit=500)["runs"]
            found.update({started_by(run): run["id"] for run in listed})
            return wanted <= found.keys()

        self.until(look, f"not every event started a run of {flow}")
        return {event: found[event] for event in wanted}

    def follow_all(self, subjects: dict[str, str]) -> list[dict[str, Any]]:
        """Follow runs (id to what it is about) to their ends at once; return them."""
        with ThreadPoolExecutor(max_workers=FOLLOWED) as pool:
            return list(pool.map(self.follow, subjects, subjects.values()))

    def follow(self, run: str, subject: str) -> dict[str, Any]:
        """Tell the hops of a run as they end; return the run once it ended.

        A run followed before goes on where that ended: a redriven run tells only what is new.
        """
        path, trail = f"{FLOW}/runs/{segment(run)}", self._trails.setdefault(run, Trail())
        deadline = self.clock() + QUIET
        while self.clock() < deadline:
            try:
                for entry in self.platform.events(f"{path}/events", QUIET, self._seen.get(run)):
                    self._seen[run] = int(entry["seq"])
                    hop = trail.see(entry)
                    if hop is not None:
                        self.teller.hop(subject, hop)
            except Unreachable:
                self.sleep(POLL)
            ended: dict[str, Any] = self.platform.get(path)
            if ended["status"] in {"completed", "faulted", "cancelled"}:
                return ended
            self.sleep(POLL)
        raise CommandError(Exit.RUNNING, f"run {run} has not ended; see `tendril trace {run}`")

    def until(self, holds: Callable[[], bool], otherwise: str) -> None:
        """Ask until it holds; end the command with `otherwise` when patience runs out."""
        deadline = self.clock() + self.patience
        while self.clock() < deadline:
            try:
                if holds():
                    return
            except Refused as refused:
                if refused.code != Exit.FAILURE:  # 5xx may pass, the rest will not
                    raise
            self.sleep(POLL)
        raise CommandError(Exit.FAILURE, f"{otherwise} within {self.patience:g} s")


def started_by(run: dict[str, Any]) -> str:
    """Return the id of the event that started a run; empty where none did."""
    given = run.get("input")
    first = given[0] if isinstance(given, list) and given else None
    return str(first.get("id") or "") if isinstance(first, dict) else ""
