"""The hops of a trace as lines of a table: the tree is drawn by forks, chains stay flat. Pure."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from events.pointer import plain
from knative.cli.console import Styled
from knative.cli.measures import amount, elapsed, milliseconds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    Hop = Mapping[str, Any]
    Cell = str | Styled

COLUMNS: Final = ("after", "hop", "tool", "try", "queued", "start", "worked", "outcome")
_STYLES: Final = {
    "completed": "green",
    "faulted": "red",
    "retrying": "yellow",
    "retried": "yellow",
    "cancelled": "dim",
    "claimed": "cyan",
    "requested": "cyan",
}
_MARKS: Final = {
    "task": "",
    "run": "run of ",
    "timer": "",
    "join": "join of ",
    "retry": "again: ",
    "emitted": "emits: ",
    "heard": "hears: ",
    "listening": "listens: ",
    "escalated": "asks others: ",
    "steered": "",
}
_VISIT: Final = re.compile(r"#(\d+)")
_BRANCH: Final = re.compile(r"/(\d+)$")
_TIMED: Final = re.compile(r"[#@]")


def lines(hops: Sequence[Hop], began: str) -> list[tuple[Cell, ...]]:
    """Return the cells of COLUMNS for every attempt of every hop."""
    return [line for hop in hops for line in _lines(hop, began)]


def _lines(hop: Hop, began: str) -> Iterator[tuple[Cell, ...]]:
    name = _branch(hop) + _MARKS.get(hop["kind"], "") + _name(hop)
    if not hop["attempts"]:
        outcome = Styled(_happened(hop), _STYLES.get(hop["state"], ""))
        yield elapsed(began, hop["at"] or ""), name, hop["tool"] or "", "", "", "", "", outcome
    for attempt in hop["attempts"]:
        yield (
            elapsed(began, attempt["requestedAt"] or hop["at"] or ""),
            name,
            hop["tool"] or "",
            str(attempt["attempt"]),
            milliseconds(attempt["queuedMs"]),
            _start(attempt),
            milliseconds(attempt["workMs"]),
            _outcome(hop, attempt),
        )


def _branch(hop: Hop) -> str:
    """Return the lines of the forks that a hop lies in, and its branch of the innermost one."""
    number = _BRANCH.search(hop["instance"].partition("@")[2])
    within = f"{int(number[1]) + 1}. " if hop["level"] and number else ""
    level: int = hop["level"]
    return "│ " * level + within


def _name(hop: Hop) -> str:
    """Return what people call a hop: its task's name, the visit where it is not the first."""
    if hop["kind"] == "steered" and not hop["task"]:
        return "run"
    name = plain(str(hop["task"]).rpartition("/")[2])
    visit = _VISIT.search(hop["instance"].partition("@")[0])
    _, timed, what = hop["instance"].partition("~")
    if timed and hop["kind"] == "timer":
        return f"{name or 'flow'}'s {_TIMED.split(what)[0]}"
    return f"{name} ({visit[1]})" if visit and visit[1] != "1" else name


def _start(attempt: Mapping[str, Any]) -> str:
    if attempt["cold"] is None:
        return ""
    return f"cold {milliseconds(attempt['coldMs'])}".strip() if attempt["cold"] else "warm"


def _outcome(hop: Hop, attempt: Mapping[str, Any]) -> Styled:
    outcome = str(attempt["outcome"])
    parts = [outcome]
    if outcome == "requested" and hop["missing"]:
        parts = [f"MISSING, asked {hop['missing']['asked']} times"]
        return Styled(parts[0], "bold red")
    if attempt["lost"]:
        parts.append(f"after {attempt['lost']} lost claims")
    if attempt["usage"]:
        parts.append(
            f"({', '.join(f'{_word(n)} {amount(v)}' for n, v in attempt['usage'].items())})"
        )
    text = " ".join(parts)
    return Styled(text + _problem(attempt["problem"]), _STYLES.get(outcome, ""))


def _word(name: str) -> str:
    return name.replace("_tokens", "").replace("_", " ")


def _problem(problem: Any) -> str:
    if not isinstance(problem, dict):
        return ""
    return f": {problem.get('detail') or problem.get('title') or problem.get('type')}"


def _happened(hop: Hop) -> str:
    tell = _HAPPENED.get(hop["kind"])
    return tell(hop, hop["detail"]) if tell else str(hop["state"])


def _timer(hop: Hop, detail: Hop) -> str:
    return f"waits until {detail.get('due')}" if hop["state"] == "waiting" else "over"


def _run(hop: Hop, detail: Hop) -> str:
    return f"{hop['state']} {detail.get('flow', '')} {detail.get('run', '')}".rstrip()


def _retry(_: Hop, detail: Hop) -> str:
    pause = f" in {detail['delay']:g} s" if detail.get("delay") else ""
    return f"tries again{pause}{_problem(detail.get('problem'))}"


def _event(_: Hop, detail: Hop) -> str:
    return str(detail.get("type") or "event")


def _listening(hop: Hop, detail: Hop) -> str:
    if hop["state"] == "closed":
        return "over"
    if "approval" in detail:
        return "for the answer of " + (", ".join(detail["approval"]["assignees"]) or "anybody")
    wanted = [each.get("with", each) for each in detail.get("to", [])]
    return "for " + " or ".join(json.dumps(each, ensure_ascii=False) for each in wanted)


def _escalated(_: Hop, detail: Hop) -> str:
    return ", ".join(detail.get("assignees", ()))


def _join(_: Hop, __: Hop) -> str:
    return "branches over"


_HAPPENED: Final[dict[str, Callable[[Hop, Hop], str]]] = {
    "timer": _timer,
    "run": _run,
    "retry": _retry,
    "emitted": _event,
    "heard": _event,
    "listening": _listening,
    "escalated": _escalated,
    "join": _join,
}
