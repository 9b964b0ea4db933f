"""Which tasks of two versions of a flow are the same."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from events.flow.approval import answer_event, answer_key
from events.vocabulary import approval_id, identify
from functions.host.ledger.hearing import hearing
from functions.host.ledger.rows.listen import Subscription
from functions.host.ledger.rows.outbox import Outgoing
from functions.host.ledger.rows.run import RunRow, RunStatus
from functions.host.ledger.rows.task import NEVER, TaskRow, TaskState
from functions.host.ledger.rows.transition import Transition
from functions.host.outcomes import Outcome
from functions.host.takeover import Takeover, same_place

if TYPE_CHECKING:
    from collections.abc import Sequence

RUN = RunRow(
    "r2", "sha256:b", "shop", "order", "2.0.0", 1, RunStatus.RUNNING, "{}", None, None, 9.0, None,
    "0" * 32, origin="r1",
)  # fmt: skip
FORMER = TaskRow(
    "r1", "/do/0/a#1", "", "/do/0/a", "echo", 1, "1.0.0", 1, 0, "e", "", "{}", "digest",
    TaskState.CLOSED, 1.0, outcome='{"output":1,"problem":null,"workMs":2}', requested_at=0.0,
)  # fmt: skip
ASKED = replace(FORMER, run="r2", instance="/do/3/a#1", state=TaskState.REQUESTED, outcome=None)


class Former:
    """What of a ledger is asked: the tasks of the former run; values stay as they are."""

    def __init__(self, *rows: TaskRow) -> None:
        self._rows = rows

    async def tasks(self, run_id: str) -> Sequence[TaskRow]:
        assert run_id == "r1"
        return self._rows

    async def unpack(self, packed: str) -> Any:
        return {"output": 1, "problem": None if "null" in packed else {"status": 500}}

    async def pack(self, value: Any, owner: str) -> str:
        return f"{owner}: {value['output']}"


async def taken(former: TaskRow, asked: TaskRow) -> Transition:
    """Return what is left of a transition that asks for a task."""
    known: Any = Former(former)
    written = Transition("r2", "", 0, "{}", 10.0, None, 0, (asked,))
    return await Takeover(known, known).of(RUN, written)


async def test_a_result_is_taken_over() -> None:
    """The row begins recorded, its value is the new run's own, and the history says so."""
    written = await taken(FORMER, ASKED)
    [row] = written.timers
    assert written.requests == ()
    assert (row.state, row.outcome, row.due_at) == (TaskState.RECORDED, "r2: 1", 10.0)
    [entry] = written.entries
    assert (entry.kind, entry.instance, entry.detail) == ("task.taken", "/do/3/a#1", {"from": "r1"})


@pytest.mark.parametrize(
    "former",
    [
        replace(FORMER, input_digest="other"),
        replace(FORMER, version="1.0.1"),
        replace(FORMER, tool="other"),
        replace(FORMER, outcome=None),
        replace(FORMER, outcome='{"output":1,"problem":{}}'),
        replace(FORMER, instance="/do/0/a#2"),
    ],
)
async def test_what_is_not_the_same_is_asked_for(former: TaskRow) -> None:
    """Another input, version, tool or visit, a fault and no result at all."""
    written = await taken(former, ASKED)
    assert (written.requests, written.timers, written.entries) == ((ASKED,), (), ())


@pytest.mark.parametrize(
    ("former", "due"),
    [(60.0, 10.0), (61.0, 70.0)],
)
async def test_a_wait_that_was_waited_for_is_over(former: float, due: float) -> None:
    """One of the same length is due at once, one of another length waits again."""
    wait = replace(FORMER, tool="", outcome=None, due_at=former, requested_at=0.0)
    timer = replace(
        wait,
        run="r2",
        instance="/do/1/a#1",
        state=TaskState.WAITING,
        due_at=70.0,
        requested_at=10.0,
    )
    known: Any = Former(wait)
    written = Transition("r2", "", 0, "{}", 10.0, None, 0, timers=(timer,))
    assert [row.due_at for row in (await Takeover(known, known).of(RUN, written)).timers] == [due]


OLD, NEW = "/do/0/a#1", "/do/3/a#1"
FORM: dict[str, Any] = {"type": "decided", "title": "Pay?", "assignees": ["ann"]}


class Values(Former):
    """The same, with values as JSON."""

    async def unpack(self, packed: str) -> Any:
        return orjson.loads(packed)

    async def pack(self, value: Any, owner: str) -> str:
        assert owner == "r2"
        return orjson.dumps(value).decode()


async def begins_to_ask(form: dict[str, Any]) -> tuple[Transition, Transition]:
    """Return a step that asks people what the former run was answered, and what is left of it."""
    shown = orjson.dumps(FORM).decode()
    asked = replace(FORMER, tool="", input=shown, outcome=None, due_at=NEVER)
    event = answer_event(FORM, "r1", OLD, {"ok": True}, "ann", datetime.fromtimestamp(5.0, UTC))
    told = hearing(
        Subscription("", "", "r1", OLD, "", "/do/0/a", ""),
        answer_key("r1", OLD),
        orjson.dumps(Outcome(event=event).to_json()).decode(),
        5.0,
    )
    row = replace(
        asked, run="r2", instance=NEW, state=TaskState.ASKING, input=orjson.dumps(form).decode()
    )
    limit = replace(row, instance=f"{NEW}~timeout", state=TaskState.WAITING, due_at=99.0)
    outbox = (Outgoing(identify("out", "r2", f"{NEW}~told"), "{}"), Outgoing("other", "{}"))
    written = Transition("r2", "", 0, "{}", 10.0, None, 0, timers=(row, limit), outbox=outbox)
    known: Any = Values(asked, told)
    return written, await Takeover(known, known).of(RUN, written)


async def test_an_answer_is_taken_over() -> None:
    """What people were shown and answered is answered: nobody is asked, told, or waited for."""
    _, left = await begins_to_ask(FORM)
    asked, told = left.timers
    assert (asked.instance, asked.state) == (NEW, TaskState.CLOSED)
    assert (told.instance, told.state) == (f"{NEW}~{answer_key('r2', NEW)}", TaskState.RECORDED)
    event = Outcome.from_json(orjson.loads(told.outcome or "")).event
    assert event
    assert (event["data"]["answer"], event["data"]["by"]) == ({"ok": True}, "ann")
    assert event["id"] == approval_id("r2", NEW)
    assert [each.id for each in left.outbox] == ["other"]
    assert [(each.kind, each.instance) for each in left.entries] == [("task.taken", NEW)]


async def test_what_people_are_shown_anew_is_asked() -> None:
    """An answer to something else is none."""
    written, left = await begins_to_ask(FORM | {"title": "Pay more?"})
    assert left == written


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("/do/0/ask#1", "/do/3/ask#1"),
        ("/do/0/7#1", "/do/1/7#1"),
        ("/do/0/t/try/1/ask#2", "/do/2/t/try/0/ask#2"),
        (
            "/do/1/f/fork/branches/0/b/do/0/x#1@/do/1/f#1/0",
            "/do/2/f/fork/branches/1/b/do/4/x#1@/do/2/f#1/1",
        ),
        (
            "/do/0/f/fork/branches/0/g/fork/branches/1/x#1@/do/0/f#1/0|/do/0/f/fork/branches/0/g#1/1",
            "/do/9/f/fork/branches/0/g/fork/branches/0/x#1@/do/9/f#1/0|/do/9/f/fork/branches/0/g#1/0",
        ),
    ],
)
def test_a_place_in_a_list_does_not_matter(one: str, other: str) -> None:
    """Tasks and branches may be added and moved."""
    assert same_place(one) == same_place(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("/do/0/ask#1", "/do/0/ask#2"),
        ("/do/0/ask#1", "/do/0/tell#1"),
        ("/do/0/7#1", "/do/0/8#1"),
        ("/do/0/t/try/0/ask#1", "/do/0/t/catch/do/0/ask#1"),
        ("/do/0/f/fork/branches/0/b#1@/do/0/f#1/0", "/do/0/f/fork/branches/0/b#1@/do/0/f#2/0"),
        ("/do/0/l/do/0/a#1@/do/0/l#1/0", "/do/0/l/do/0/a#1@/do/0/l#1/1"),
    ],
)
def test_names_visits_and_what_is_around_matter(one: str, other: str) -> None:
    """Another name, another visit and another list around are another task."""
    assert same_place(one) != same_place(other)
