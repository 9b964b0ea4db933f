"""Cases played and judged: what passes, what fails, and what is said about it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from events.flow.catalog import Catalog, Function
from events.flow.rehearsal.judgement import Verdict, rehearse
from events.flow.rehearsal.recording import Prompter, Recording
from events.flow.rehearsal.script import Case, Tape

if TYPE_CHECKING:
    from events.flow.syntax import Flow
    from functions.host.jq import JqPool

LLM = Function("llm", "1.2.3", {}, {}, 60.0, "")
ASK = {"ask": {"call": "llm", "with": {"prompt": "${ .q }"}, "output": {"as": "{a: .}"}}}
TAPE = {
    "answers": [
        {"call": "llm:1", "input": {"prompt": "one"}, "answers": [{"output": 1}, {"output": 11}]},
        {"call": "llm:1", "input": {"prompt": "one"}, "case": "mine", "answers": [{"output": 0}]},
        {"call": "llm:1", "input": {"prompt": "two, and more"}, "answers": [{"output": 2}]},
    ]
}
ON: Any = {"schedule": {"on": {"one": {"with": {"type": "com.example.asked"}}}}}
ECHO: Any = {"s": {"set": {"got": "${ .[0].data }"}}}
Play = Callable[..., Verdict]


@pytest.fixture
def play(jq: JqPool, flow_of: Callable[..., Flow]) -> Play:
    """Play a case on a flow of these tasks."""

    def do(
        *tasks: dict[str, Any],
        top: dict[str, Any] | None = None,
        flows: Sequence[Flow] = (),
        **case: Any,
    ) -> Verdict:
        read = Case.model_validate({"name": "case", **case})
        prompter = Prompter(read, Recording(Tape.model_validate(TAPE)), Catalog((LLM,)))
        return rehearse(flow_of(*tasks, **(top or {})), read, jq, prompter, flows)

    return do


def told(verdict: Verdict) -> dict[str, str]:
    """Return what failed, and why."""
    return {each.what: "\n".join(each.lines) for each in verdict.failures}


class TestAnswers:
    """Where answers come from."""

    def test_by_the_rendered_request(self, play: Play) -> None:
        """A request finds what was recorded for its input; a patch level does not matter."""
        assert play(ASK, input={"q": "one"}, expect={"output": {"a": 1}}).passed

    def test_in_their_order(self, play: Play) -> None:
        """The same request again gets the next answer, and the last one from then on."""
        loop = {"l": {"for": {"in": "${ [1,2,3] }"}, "do": [ASK], "input": {"from": "."}}}
        keep = {**ASK["ask"], "output": {"as": "{q: $input.q, seen: (($input.seen // []) + [.])}"}}
        loop["l"]["do"] = [{"ask": keep}]
        verdict = play(
            loop, input={"q": "one"}, expect={"output": {"q": "one", "seen": [1, 11, 11]}}
        )
        assert verdict.passed, told(verdict)

    def test_a_case_may_have_its_own(self, play: Play) -> None:
        """An entry for this case comes before the one for all."""
        assert play(ASK, name="mine", input={"q": "one"}, expect={"output": {"a": 0}}).passed

    def test_a_miss_ends_the_case(self, play: Play) -> None:
        """It names the request and the recorded one that is most like it."""
        verdict = play(ASK, input={"q": "three"}, expect={"error": {}})
        assert not verdict.passed
        assert verdict.missing is not None
        assert verdict.missing.asked.input == {"prompt": "three"}
        assert verdict.missing.asked.reference == "/do/0/ask"
        assert verdict.missing.nearest is not None

    def test_stubs_come_first(self, play: Play) -> None:
        """A case's own answer to a task is given whatever the task asks, an error too."""
        stub = {"task": "ask", "error": {"status": 503, "title": "Busy"}}
        caught = {
            "t": {"try": [ASK], "catch": {"do": [{"s": {"set": {"n": "${ $error.status }"}}}]}}
        }
        verdict = play(caught, input={"q": "one"}, answers=[stub], expect={"output": {"n": 503}})
        assert verdict.passed, told(verdict)


class TestTime:
    """Time advances by itself, and without waiting."""

    def test_waits_retries_and_timeouts(self, play: Play) -> None:
        """Days pass at once: retries back off, a tool that never answers times out."""
        policy = {
            "delay": "PT1H",
            "backoff": {"exponential": {}},
            "limit": {"attempt": {"count": 2}},
        }
        ask = {**ASK["ask"], "timeout": {"after": "P1D"}}
        tried = {"t": {"try": [{"ask": ask}], "catch": {"retry": policy}}}
        answers = [{"task": "ask", "never": True}]
        verdict = play(tried, answers=answers, expect={"error": {"status": 408}, "took": "P3DT3H"})
        assert verdict.passed, told(verdict)
        assert verdict.stage.path.count("/do/0/t/try/0/ask") == 3

    def test_an_answer_may_take_its_time(self, play: Play) -> None:
        """The faster one of two competitors wins."""
        branches = [{"slow": ASK["ask"]}, {"fast": ASK["ask"]}]
        answers = [
            {"task": "slow", "output": "slow", "takes": "PT2S"},
            {"task": "fast", "output": "fast", "takes": "PT1S"},
        ]
        fork = {"f": {"fork": {"compete": True, "branches": branches}}}
        verdict = play(fork, answers=answers, expect={"output": {"a": "fast"}, "took": "PT1S"})
        assert verdict.passed, told(verdict)

    def test_it_is_the_cases_own(self, play: Play) -> None:
        """A case says when it begins and which run it is."""
        task = {"s": {"set": {"at": "${ $workflow.startedAt.iso8601 }", "id": "${ $workflow.id }"}}}
        expected = {"at": "2026-05-06T07:08:09Z", "id": "r"}
        assert play(
            task, started="2026-05-06T07:08:09Z", run="r", expect={"output": expected}
        ).passed


class TestExpectations:
    """What is not as expected is said so that it can be read."""

    def test_an_output(self, play: Play) -> None:
        """Every place is named that differs; true is not 1."""
        task = {"s": {"set": {"a": 1, "b": [1, 2], "c": True}}}
        verdict = play(
            task, expect={"output": {"a": 1.0, "b": [1, 3, 4], "c": 1, "d": {"e": None}}}
        )
        assert told(verdict)["output"].splitlines() == [
            "/b/1: expected 3, found 2",
            "/b/2: expected 4, found nothing",
            "/c: expected 1, found true",
            '/d: expected {"e": null}, found nothing',
        ]

    def test_schema_and_conditions(self, play: Play) -> None:
        """A JSON Schema and jq programs say what an output is like; a broken one fails too."""
        expect = {"schema": {"required": ["b"]}, "conditions": [".a == 1", ".a > 1", ".a.b.c"]}
        failed = told(play({"s": {"set": {"a": 1}}}, expect=expect))
        assert set(failed) == {"schema", "conditions/1", "conditions/2"}
        assert failed["conditions/1"] == "does not hold: .a > 1"

    def test_an_error(self, play: Play) -> None:
        """The named members must be there; an error that nobody expects fails the case."""
        broken = {"r": {"raise": {"error": {"type": "https://x.test/e", "status": 400}}}}
        assert play(broken, expect={"error": {"status": 400, "instance": "/do/0/r"}}).passed
        assert told(play(broken, expect={"error": {"status": 401}})) == {
            "error": "/status: expected 401, found 400"
        }
        assert "https://x.test/e" in told(play(broken))["run"]
        assert "completed" in told(play({"s": {"set": {"n": 1}}}, expect={"error": {}}))["error"]

    def test_events_and_path(self, play: Play) -> None:
        """Events are compared in the members that are named, the path task by task."""
        event = {"source": "https://x.test/s", "type": "t", "data": {"n": 1, "m": 2}}
        emit = {"e": {"emit": {"event": {"with": event}}}}
        assert play(
            emit, expect={"events": [{"type": "t", "data": {"n": 1}}], "path": ["e"]}
        ).passed
        failed = told(play(emit, expect={"events": [{"type": "u"}], "path": []}))
        assert failed == {"events": '/0/type: expected "u", found "t"', "path": "+ e"}

    def test_a_run_that_never_ends(self, play: Play) -> None:
        """It says what is waited for."""
        verdict = play(ASK, answers=[{"task": "ask", "never": True}])
        assert told(verdict) == {"run": "never ends: it waits for /do/0/ask#1"}


class TestEvents:
    """The first event starts a flow that waits for one."""

    def test_it_opens_the_door(self, play: Play) -> None:
        """The run's input is the event, as at the door."""
        event = {"type": "com.example.asked", "data": {"n": 1}}
        expect = {"output": {"got": {"n": 1}}}
        assert play(ECHO, top=ON, events=[{"event": event}], expect=expect).passed

    def test_one_that_nobody_waits_for(self, play: Play) -> None:
        """An event that no filter lets in fails the case, and so does one too many."""
        other = {"event": {"type": "com.example.other"}}
        failed = told(play(ECHO, top=ON, events=[other]))
        assert "no filter under schedule.on" in failed["events/0"]
        assert "com.example.other" in told(play(ECHO, events=[other]))["events/0"]

    LISTEN: ClassVar[Any] = {
        "l": {"listen": {"to": {"one": {"with": {"type": "com.example.approved"}}}}}
    }

    def test_a_task_listens_in_virtual_time(self, play: Play) -> None:
        """An event comes when the case says so, days later if it must be."""
        event = {"type": "com.example.approved", "data": {"by": "Ada"}}
        expect = {"output": [{"by": "Ada"}], "took": "P3D"}
        verdict = play(self.LISTEN, events=[{"at": "P3D", "event": event}], expect=expect)
        assert verdict.passed, told(verdict)

    def test_whether_it_is_heard(self, play: Play) -> None:
        """An event must be consumed, or must not where the case says so."""
        right = {"event": {"type": "com.example.approved"}}
        wrong = {"event": {"type": "com.example.denied"}}
        assert told(play(self.LISTEN, events=[wrong, right])) == {
            "events/0": "no task listened for it: com.example.denied"
        }
        assert play(self.LISTEN, events=[{**wrong, "heard": False}, right]).passed
        assert told(play(self.LISTEN, events=[{**right, "heard": False}])) == {
            "events/0": "a task consumed it: com.example.approved"
        }


class TestFlows:
    """The flows that a flow runs are played with it."""

    RUN: ClassVar[Any] = {
        "r": {"run": {"workflow": {"namespace": "test", "name": "case", "version": "latest",
                                   "input": {"q": "one"}}}}
    }  # fmt: skip

    def test_its_tools_are_answered_too(self, play: Play, flow_of: Callable[..., Flow]) -> None:
        """Its output is the task's, and its waits pass in virtual time."""
        child = flow_of({"w": {"wait": "PT1H"}}, ASK)
        verdict = play(self.RUN, flows=[child], expect={"output": {"a": 1}, "took": "PT1H"})
        assert verdict.passed, told(verdict)

    def test_one_that_is_not_there(self, play: Play) -> None:
        """The case says which flow to name; an answer of its own does instead."""
        assert "test/case:latest" in told(play(self.RUN))["flows"]
        stub = {"task": "r", "output": {"b": 2}}
        assert play(self.RUN, answers=[stub], expect={"output": {"b": 2}}).passed
