"""What passes with time: `wait`, `timeout`, and the attempts of a `try`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events.errors import ErrorType, Problem
from events.flow.advance import StaleSignal, advance
from events.flow.signals import Start, TimerFired
from events.flow.steps import Facts, ScopeCompleted
from tests.events.flow.conftest import BEGAN, NEVER

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta

    from events.flow.effects import TaskRequest
    from events.flow.syntax import Flow

BUSY = Problem(ErrorType.COMMUNICATION, 503, "Busy")


def seconds(interpreter: Any) -> float:
    """Return how long the run took."""
    spent: timedelta = interpreter.now - BEGAN
    return spent.total_seconds()


def failing(times: int) -> Callable[[TaskRequest], Any]:
    """Return an answer that is busy this often, then done; each comes after a second."""
    asked: list[str] = []

    def answer(request: TaskRequest) -> Any:
        asked.append(request.instance)
        return BUSY if len(asked) <= times else {"asked": asked}

    return answer


def retrying(policy: dict[str, Any], **catch: Any) -> dict[str, Any]:
    """Return a try of one call under a policy."""
    return {"t": {"try": [{"ask": {"call": "llm"}}], "catch": {"retry": policy, **catch}}}


class TestWait:
    """`wait` is done when its time has passed, and hands its input on."""

    @pytest.mark.parametrize(
        ("duration", "expected"),
        [
            ("PT1.5S", 1.5),
            ("P1DT1H", 90_000),
            ({"minutes": 1, "seconds": 2, "milliseconds": 30}, 62.03),
            ({"days": 2}, 172_800),
            ("P1M", 31 * 86_400),
            ('${ "PT\\(.n)S" }', 7),
            ("${ {seconds: (.n + 1)} }", 8),
        ],
    )
    def test_durations(
        self, interpreter: Any, flow_of: Callable[..., Flow], duration: Any, expected: float
    ) -> None:
        """ISO 8601, the DSL's object and expressions; a month is the one that begins now."""
        assert interpreter.run(flow_of({"w": {"wait": duration}}), {"n": 7}) == {"n": 7}
        assert seconds(interpreter) == expected

    @pytest.mark.parametrize(
        ("duration", "told"),
        [
            ("${ .n }", "must give a duration"),
            ('${ "soon" }', "must give a duration"),
            ("P900Y", "longer than a hundred years"),
            ({"days": 10**12}, "longer than a hundred years"),
        ],
    )
    def test_what_is_no_duration(
        self, interpreter: Any, flow_of: Callable[..., Flow], duration: Any, told: str
    ) -> None:
        """A wait that cannot be faults its task with the reason."""
        problem = interpreter.problem(flow_of({"w": {"wait": duration}}), {"n": 7})
        assert told in problem.detail
        assert problem.instance == "/do/0/w"

    def test_a_timer_fires_once(self, jq: Any, flow_of: Callable[..., Flow]) -> None:
        """A timer that has fired, or is unknown, means nothing any more."""
        flow = flow_of({"w": {"wait": "PT1S"}}, {"v": {"wait": "PT1S"}})
        facts = Facts("run-1", {}, BEGAN, BEGAN)
        step = advance(flow, None, Start(), facts, jq)
        step = advance(flow, step.state, TimerFired("/do/0/w#1"), facts, jq)
        for name in ("/do/0/w#1", "/do/1/v#2", "~timeout"):
            with pytest.raises(StaleSignal):
                advance(flow, step.state, TimerFired(name), facts, jq)


class TestRetry:
    """A try does its tasks again as its policy says."""

    @pytest.mark.parametrize(
        ("backoff", "pauses"),
        [
            ({}, [2, 2, 2, 2]),
            ({"backoff": {"constant": {}}}, [2, 2, 2, 2]),
            ({"backoff": {"linear": {}}}, [2, 4, 6, 8]),
            ({"backoff": {"exponential": {}}}, [2, 4, 8, 16]),
        ],
    )
    def test_backoff(
        self, interpreter: Any, flow_of: Callable[..., Flow], backoff: Any, pauses: list[int]
    ) -> None:
        """The delay stays, grows by itself or doubles; each attempt is an instance of its own."""
        flow = flow_of(retrying({"delay": {"seconds": 2}, **backoff}))
        output = interpreter.run(flow, {}, failing(4))
        assert output == {"asked": [f"/do/0/t/try/0/ask#{n}" for n in range(1, 6)]}
        retried = [each for each in interpreter.records if each.kind == "task.retried"]
        assert [each.detail["delay"] for each in retried] == pauses
        assert seconds(interpreter) == 5 + sum(pauses)

    def test_without_a_delay(self, interpreter: Any, flow_of: Callable[..., Flow]) -> None:
        """The next attempt begins at once, in the same step."""
        interpreter.run(flow_of(retrying({"limit": {"attempt": {"count": 3}}})), {}, failing(3))
        assert seconds(interpreter) == 4
        assert not any(step.timers for step in interpreter.steps)

    def test_the_attempts_end(self, interpreter: Any, flow_of: Callable[..., Flow]) -> None:
        """After `limit.attempt.count` more attempts the last error passes: nobody handled it."""
        policy = {"delay": "PT1S", "limit": {"attempt": {"count": 2}}}
        assert interpreter.problem(flow_of(retrying(policy)), {}, failing(9)).status == 503
        assert len(interpreter.requests) == 3

    def test_then_the_handler(self, interpreter: Any, flow_of: Callable[..., Flow]) -> None:
        """With a `do`, it is done once no attempt is left, and the run goes on."""
        policy = {"limit": {"attempt": {"count": 2}}}
        flow = flow_of(retrying(policy, do=[{"h": {"set": {"gave": "${ $error.status }"}}}]))
        assert interpreter.run(flow, {}, failing(9)) == {"gave": 503}
        assert len(interpreter.requests) == 3

    def test_the_time_ends(self, interpreter: Any, flow_of: Callable[..., Flow]) -> None:
        """No attempt begins after `limit.duration`, counted from the try's start."""
        policy = {"delay": "PT3S", "limit": {"duration": "PT10S"}}
        interpreter.problem(flow_of(retrying(policy)), {}, failing(99))
        assert len(interpreter.requests) == 3  # at 0, 4 and 8 s; the next would be at 12 s

    def test_each_attempts_time(self, interpreter: Any, flow_of: Callable[..., Flow]) -> None:
        """An attempt beyond `limit.attempt.duration` is cut off with a timeout, and retried."""
        policy = {"limit": {"attempt": {"count": 1, "duration": "PT5S"}}}
        flow = flow_of(retrying(policy))
        problem = interpreter.problem(flow, {}, lambda _: NEVER)
        assert (problem.type, problem.status) == (ErrorType.TIMEOUT, 408)
        assert "an attempt of /do/0/t took too long" in problem.detail
        assert seconds(interpreter) == 10

    @pytest.mark.parametrize(
        ("policy", "asked"),
        [
            ({"when": "${ $error.status == 503 }"}, 3),
            ({"when": "${ $error.status == 500 }"}, 1),
            ({"exceptWhen": "${ $error.status == 503 }"}, 1),
            ({"exceptWhen": "${ $error.status == 500 }"}, 3),
        ],
    )
    def test_conditions(
        self, interpreter: Any, flow_of: Callable[..., Flow], policy: Any, asked: int
    ) -> None:
        """`when` and `exceptWhen` of the policy see the error."""
        flow = flow_of(retrying({**policy, "limit": {"attempt": {"count": 2}}}))
        interpreter.problem(flow, {}, failing(9))
        assert len(interpreter.requests) == asked

    def test_a_policy_by_name(self, interpreter: Any, flow_of: Callable[..., Flow]) -> None:
        """A policy may stand under `use.retries`."""
        use = {"retries": {"twice": {"delay": "PT1M", "limit": {"attempt": {"count": 2}}}}}
        flow = flow_of(retrying("twice", do=[]), use=use)  # type: ignore[arg-type]
        interpreter.run(flow, {}, failing(2))
        assert seconds(interpreter) == 123

    @given(least=st.integers(0, 50), width=st.integers(0, 50), delay=st.integers(0, 50))
    @settings(max_examples=30, deadline=None)
    def test_jitter(
        self,
        make_interpreter: Callable[..., Any],
        flow_of: Callable[..., Flow],
        least: int,
        width: int,
        delay: int,
    ) -> None:
        """Each delay is lengthened within the range, and differently from attempt to attempt."""
        policy = {
            "delay": {"seconds": delay},
            "jitter": {"from": {"seconds": least}, "to": {"seconds": least + width}},
        }
        interpreter = make_interpreter(lambda *_: None)
        interpreter.run(flow_of(retrying(policy)), {}, failing(3))
        retried = [each for each in interpreter.records if each.kind == "task.retried"]
        extra = [each.detail["delay"] - delay for each in retried]
        assert all(least - 1e-6 <= each <= least + width + 1e-6 for each in extra)
        assert not width or len(set(extra)) == 3

    def test_inside_a_handler_and_a_loop(
        self, interpreter: Any, flow_of: Callable[..., Flow]
    ) -> None:
        """A try has its attempts each time it is reached."""
        inner = retrying({"delay": "PT1S", "limit": {"attempt": {"count": 1}}}, do=[])
        flow = flow_of({"l": {"for": {"in": "${ [1, 2] }"}, "do": [inner]}})
        interpreter.run(flow, {}, failing(9))
        assert len(interpreter.requests) == 4


class TestTimeout:
    """A task or a flow that takes too long ends with an error of the timeout type."""

    def test_a_task(self, interpreter: Any, flow_of: Callable[..., Flow]) -> None:
        """What the task was doing is closed, at any depth, and the error stands at the task."""
        nap = {"nap": {"wait": "PT1H"}}
        inner = {"inner": {"do": [{"ask": {"call": "llm"}}, nap], "timeout": {"after": "PT9S"}}}
        flow = flow_of({"outer": {"do": [inner], "timeout": {"after": "PT1M"}}})
        problem = interpreter.problem(flow, {}, lambda _: {})
        assert problem == Problem(
            ErrorType.TIMEOUT,
            408,
            "Timed out",
            "/do/0/outer/do/0/inner took too long",
            "/do/0/outer/do/0/inner",
        )
        assert seconds(interpreter) == 9
        assert set(interpreter.steps[-1].closes) == {
            "/do/0/outer/do/0/inner/do/1/nap#1",
            "/do/0/outer#1~timeout",
        }

    def test_a_call(self, interpreter: Any, flow_of: Callable[..., Flow]) -> None:
        """The request of a call that timed out is closed: an answer after it means nothing."""
        flow = flow_of({"ask": {"call": "llm", "timeout": {"after": "PT2S"}}})
        interpreter.problem(flow, {}, lambda _: NEVER)
        assert interpreter.steps[-1].closes == ("/do/0/ask#1",)

    def test_in_time(self, interpreter: Any, flow_of: Callable[..., Flow]) -> None:
        """A task that ends in time takes its timer with it."""
        flow = flow_of(
            {"ask": {"call": "llm", "timeout": {"after": "PT2S"}}}, {"w": {"wait": "P1D"}}
        )
        interpreter.run(flow, {}, lambda _: {})
        assert interpreter.steps[1].closes == ("/do/0/ask#1~timeout",)

    def test_done_at_once(self, interpreter: Any, flow_of: Callable[..., Flow]) -> None:
        """The timer of a task that does not wait is never set."""
        interpreter.run(flow_of({"s": {"set": {"x": 1}, "timeout": {"after": "PT2S"}}}), {})
        assert not interpreter.steps[0].timers

    def test_it_is_caught(self, interpreter: Any, flow_of: Callable[..., Flow]) -> None:
        """A try round the task catches it; its own timeout a try does not."""
        slow = {"slow": {"wait": "PT1H", "timeout": {"after": "PT2S"}}}
        catch = {"errors": {"with": {"status": 408}}, "do": [{"late": {"set": {"late": True}}}]}
        assert interpreter.run(flow_of({"t": {"try": [slow], "catch": catch}}), {}) == {
            "late": True
        }
        itself = {
            "t": {"try": [{"w": {"wait": "PT1H"}}], "catch": catch, "timeout": {"after": "PT1S"}}
        }
        assert interpreter.problem(flow_of(itself), {}).instance == "/do/0/t"

    def test_the_flow(self, interpreter: Any, flow_of: Callable[..., Flow]) -> None:
        """The flow's own ends the run, whatever it does; its duration may come from the input."""
        catch = {"catch": {"do": []}, "try": [{"w": {"wait": "PT1H"}}]}
        flow = flow_of({"t": catch}, timeout={"after": "${ {seconds: .limit} }"})
        problem = interpreter.problem(flow, {"limit": 30})
        assert (problem.type, problem.detail) == (ErrorType.TIMEOUT, "the flow took too long")
        assert seconds(interpreter) == 30

    def test_by_name(self, interpreter: Any, flow_of: Callable[..., Flow]) -> None:
        """A timeout may stand under `use.timeouts`."""
        use = {"timeouts": {"short": {"after": "PT3S"}}}
        interpreter.problem(flow_of({"w": {"wait": "PT1H", "timeout": "short"}}, use=use), {})
        assert seconds(interpreter) == 3

    def test_while_a_try_pauses(self, interpreter: Any, flow_of: Callable[..., Flow]) -> None:
        """A timeout ends the pause between two attempts too."""
        slow = {"do": [retrying({"delay": "PT1H"})], "timeout": {"after": "PT1M"}}
        interpreter.problem(flow_of({"d": slow}), {}, failing(9))
        assert seconds(interpreter) == 60

    def test_end_from_the_depths(self, interpreter: Any, flow_of: Callable[..., Flow]) -> None:
        """`then: end` ends every task around it, with their timers."""
        last = {"ask": {"call": "llm", "then": "end"}}
        flow = flow_of(
            {"d": {"do": [last], "timeout": {"after": "PT1M"}}}, timeout={"after": "PT2M"}
        )
        status = interpreter.status(flow, {}, lambda _: {"n": 1})
        assert status == ScopeCompleted({"n": 1})
