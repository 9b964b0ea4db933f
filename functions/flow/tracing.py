"""A run as the causal tree of its hops: what led to what, what it took, what is missing; pure.

A hop's cause is the task whose outcome opened it, as the ledger has it. What goes on after a fork
follows what began it, as its branches do: the last of them to end is no more its cause than the
others.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any, Final

from events.vocabulary import event_key, hop_id
from functions.flow.attempts import attempts, completed
from functions.flow.moments import moment
from functions.flow.trace_views import HopView, MissingView, TotalsView
from functions.host.ledger.hearing import listen_of
from functions.host.ledger.rows.task import WORKFLOW, TaskState

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from functions.flow.trace_views import AttemptView
    from functions.host.ledger.rows.history import Entry
    from functions.host.ledger.rows.task import TaskRow

    Heard = Mapping[tuple[str, int], float]
    """When tools of a name and major version last took up a task; 0: never."""

_HAPPENED: Final = {
    "event.emitted": "emitted",
    "task.retried": "retry",
    "task.escalated": "escalated",
    "run.suspended": "steered",
    "run.resumed": "steered",
    "run.cancelled": "steered",
    "redriven": "steered",
}
"""Lines that are hops of their own: no row stands for them."""
_ROWS: Final = {"task", "run", "timer", "join", "listening", "heard"}
_CAUSES: Final = {"task.claimed", "task.completed", "task.faulted", "task.retrying"}


def hops(
    rows: Sequence[TaskRow], history: Sequence[Entry], heard: Heard, now: float, grace: float
) -> list[HopView]:
    """Return a run's hops, each after what caused it and before what it caused.

    Args:
        rows: All tasks and timers, closed ones too, the oldest first.
        history: All of it.
        heard: Of each tool that is waited for.
        now: The present, in seconds since the epoch.
        grace: Seconds after which a request that nobody took up is missing.
    """
    causes = {row.cause for row in rows}
    listens, consumed = _listens(history), _consumed(history)
    shown = [row for row in rows if row.instance in consumed or _says_something(row, causes)]
    of_event = {event: row.instance for row in shown for event in _event_ids(row)}
    tried = attempts(history)
    found = [_hop(row, completed(row, tried.get(row.instance, []))) for row in shown]
    for hop, row in zip(found, shown, strict=True):
        hop.cause = _cause(row, shown, of_event)
        hop.missing = _missing(row, heard, now, grace)
        if row.instance in listens:
            hop.kind, hop.detail = "listening", listens[row.instance]
        if row.instance in consumed:
            hop.kind, hop.detail, hop.cause = (
                "heard",
                consumed[row.instance],
                listen_of(row.instance),
            )
    _detail(found, history)
    known = {hop.instance for hop in found}
    return list(_ordered([*found, *_happenings(history, known)]))


def totals(found: Sequence[HopView]) -> TotalsView:
    """Return what hops took together."""
    made = [attempt for hop in found for attempt in hop.attempts]
    usage: Counter[str] = Counter()
    for attempt in made:
        usage.update(attempt.usage or {})
    return TotalsView(
        attempts=len(made),
        queuedMs=sum(attempt.queuedMs or 0 for attempt in made),
        coldMs=sum(attempt.coldMs or 0 for attempt in made),
        workMs=sum(attempt.workMs or 0 for attempt in made),
        usage=dict(usage),
    )


def overdue(row: TaskRow, now: float, grace: float) -> bool:
    """Tell whether a row has been asked of a tool for longer than it should take to be taken up."""
    if row.state is TaskState.REQUESTED:
        return now - row.requested_at > grace
    return row.state is TaskState.CLAIMED and row.due_at < now


def _says_something(row: TaskRow, causes: set[str]) -> bool:
    """Leave out the limits that nothing ran into."""
    limit = not row.tool and "~" in row.instance
    return not limit or row.state is TaskState.WAITING or row.event_id in causes


def _event_ids(row: TaskRow) -> Iterator[str]:
    return (hop_id(row.run, row.instance, attempt) for attempt in range(1, row.attempt + 1))


def _is_join(row: TaskRow) -> bool:
    return not row.tool and not row.reference and "~" not in row.instance


def _cause(row: TaskRow, rows: Sequence[TaskRow], of_event: Mapping[str, str]) -> str | None:
    if _is_join(row):
        prefix = f"{row.scope}|" if row.scope else ""
        prefix += f"{row.instance.removesuffix(f'@{row.scope}')}/"
        row = next((each for each in rows if each.scope.startswith(prefix)), row)
    return of_event.get(row.cause)


def _hop(row: TaskRow, tried: list[AttemptView]) -> HopView:
    kind = "task"
    if row.tool == WORKFLOW:
        kind = "run"
    elif not row.tool:
        kind = "join" if _is_join(row) else "timer"
    closed = row.state is TaskState.CLOSED
    return HopView(
        kind=kind,
        instance=row.instance,
        task=row.reference or row.instance.partition("#")[0],
        cause=None,
        level=_level(row.scope),
        at=moment(row.requested_at),
        state=tried[-1].outcome if closed and tried else row.state,
        tool=row.tool if kind == "task" else None,
        version=row.version or None,
        attempts=tried if kind == "task" else [],
        detail={"due": moment(row.due_at)} if kind == "timer" else {},
    )


def _level(scope: str) -> int:
    return scope.count("|") + 1 if scope else 0


def _missing(row: TaskRow, heard: Heard, now: float, grace: float) -> MissingView | None:
    if not overdue(row, now, grace):
        return None
    last = heard.get((row.tool, row.major), 0.0)
    if row.state is TaskState.CLAIMED:
        reason = "its host went silent: the claim has run out, and is given to another host"
    elif not last:
        reason = f"no {row.tool} of major version {row.major} has ever taken up a task"
    elif last < row.requested_at:
        reason = f"no {row.tool} of major version {row.major} has taken up a task since"
    else:
        reason = f"{row.tool} is taking up other tasks: it is busy, or this event was lost"
    return MissingView(
        since=moment(row.requested_at),
        asked=row.emissions + 1,
        heardOf=moment(last) if last else None,
        reason=reason,
    )


def _listens(history: Sequence[Entry]) -> dict[str, dict[str, Any]]:
    """Return what each listen waits for."""
    return {e.instance: e.detail for e in history if e.kind == "task.listening"}


def _consumed(history: Sequence[Entry]) -> dict[str, dict[str, Any]]:
    """Return the events that were consumed, by the instance of the row that told of each."""
    return {
        f"{e.instance}~{event_key(e.detail['source'], e.detail['id'])}": e.detail
        for e in history
        if e.kind == "event.heard"
    }


def _detail(found: Sequence[HopView], history: Sequence[Entry]) -> None:
    """Add what history alone knows of runs of other flows."""
    started = {e.instance: e.detail for e in history if e.kind == "child.started"}
    for hop in found:
        hop.detail |= started.get(hop.instance, {})


def _happenings(history: Sequence[Entry], known: set[str]) -> Iterator[HopView]:
    """Yield the lines that are hops, caused by the hop that a line was last about."""
    cause: str | None = None
    for entry in history:
        if entry.kind in _CAUSES and entry.instance in known:
            cause = entry.instance
        if entry.kind not in _HAPPENED:
            continue
        scope = entry.instance.partition("@")[2]
        yield HopView(
            kind=_HAPPENED[entry.kind],
            instance=entry.instance,
            task=entry.reference,
            cause=cause,
            level=_level(scope),
            at=moment(entry.at),
            state=entry.kind.partition(".")[2] or entry.kind,
            detail=entry.detail,
        )


def _ordered(found: Sequence[HopView]) -> Iterator[HopView]:
    """Yield causes before effects, effects in the order of time; not recursive: chains are long."""
    effects: dict[str | None, list[HopView]] = defaultdict(list)
    # what leads nowhere comes before what goes on at the same moment
    for hop in sorted(found, key=lambda hop: (hop.at or "", hop.kind in _ROWS)):
        effects[hop.cause].append(hop)
    waiting = effects[None][::-1]
    while waiting:
        hop = waiting.pop()
        yield hop
        if hop.kind in _ROWS:
            waiting += effects[hop.instance][::-1]
