"""The jq worker behind its client, with the real process."""

from __future__ import annotations

import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events.errors import ErrorType
from events.flow.expressions import NOW, EmptyResult, ExpressionError
from functions.host.jq import EvaluationLimits, JqPool

if TYPE_CHECKING:
    from collections.abc import Iterator

LIMITS = EvaluationLimits(seconds=1.0, memory=256 << 20, output=1 << 20)
BOMB = 'reduce range(40) as $i ("x"; . + .) | length'


@pytest.fixture(scope="module")
def pool() -> Iterator[JqPool]:
    """One pool for the whole module: it must survive every test."""
    pool = JqPool(LIMITS)
    yield pool
    pool.close()


def workers() -> list[psutil.Process]:
    """Return this process's jq workers."""
    children = psutil.Process().children()
    return [child for child in children if child.is_running() and "-S" in child.cmdline()]


def refusal(pool: JqPool, program: str, data: Any = None, **arguments: Any) -> str:
    """Return the detail of the error that the program must give."""
    with pytest.raises(ExpressionError) as caught:
        pool.evaluate(program, data, arguments)
    assert caught.value.problem.type == ErrorType.EXPRESSION
    assert caught.value.problem.status == 400
    return str(caught.value)


def test_arguments_are_bound_and_the_first_output_is_the_result(pool: JqPool) -> None:
    """Arguments are `$names`; of several outputs the first is the result."""
    assert pool.evaluate("[.a, $x.y, $z]", {"a": 1}, {"x": {"y": 2}, "z": 3}) == [1, 2, 3]
    assert pool.evaluate("1, error", None, {}) == 1


@pytest.mark.parametrize("name", ["if", "reduce", "and", "import", "_a1", "now", "data"])
def test_any_identifier_may_be_an_argument(pool: JqPool, name: str) -> None:
    """Even a keyword of jq can be the name of a loop's variable."""
    assert pool.evaluate(f"${name} + 1", None, {name: 1}) == 2


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from("abc"), inner),
)


@given(
    data=JSON,
    argument=JSON,
    start=st.sampled_from(["", "$x"]),
    members=st.lists(st.sampled_from(["a", "b", "c", "and", "_1"]), max_size=3),
)
@settings(deadline=None)
def test_a_path_gives_what_jq_gives(
    pool: JqPool, data: Any, argument: Any, start: str, members: list[str]
) -> None:
    """`.a.b` and `$x.a`, which are followed without jq, give jq's result or jq's error."""
    path = start + "".join(f".{member}" for member in members) or "."

    def given_by(program: str) -> Any:
        try:
            return pool.evaluate(program, data, {"x": argument})
        except ExpressionError as error:
            return str(error).replace(program, "the program")

    assert given_by(path) == given_by(f"({path})")


def test_a_path_to_too_much_is_refused_as_jq_refuses_it(pool: JqPool) -> None:
    """The limit on a result's size holds for a path that is followed without jq."""
    assert "longer than 1 MiB" in refusal(pool, ".text", {"text": "x" * (1 << 20)})


def test_an_endless_program_faults_only_itself(pool: JqPool) -> None:
    """A program that never ends is killed at the limit; threads that wait are served after it."""
    started = time.monotonic()
    with ThreadPoolExecutor(8) as threads:
        endless = threads.submit(refusal, pool, "last(repeat(1))")
        others = [threads.submit(pool.evaluate, ".n", {"n": n}, {}) for n in range(7)]
        assert [other.result(20) for other in others] == list(range(7))
        assert "ran longer than 1 s" in endless.result(20)
    assert time.monotonic() - started < 10


def test_a_memory_bomb_faults_only_itself(pool: JqPool) -> None:
    """Going over the memory limit kills the worker, not the host."""
    assert "needed more than 256 MiB" in refusal(pool, BOMB)
    assert "needed more than 256 MiB" in refusal(pool, ".a", "x" * (300 << 20))
    assert pool.evaluate(".+1", 1, {}) == 2


def test_a_result_over_the_output_limit_is_refused(pool: JqPool) -> None:
    """A result longer than the limit is an error that says so."""
    assert "longer than 1 MiB" in refusal(pool, '"x" * 2000000')


def test_a_killed_worker_is_replaced(pool: JqPool) -> None:
    """Kill -9 between two evaluations is not seen by the second."""
    assert pool.evaluate(".+1", 1, {}) == 2
    for worker in workers():
        worker.send_signal(signal.SIGKILL)
        worker.wait(10)
    assert pool.evaluate(".+1", 1, {}) == 2


def test_a_worker_killed_or_frozen_at_work_is_replaced() -> None:
    """SIGKILL and SIGSTOP from outside cost time, no evaluation: it is done again, elsewhere."""
    pool = JqPool(EvaluationLimits(seconds=0.4))
    slow = "reduce range(150000) as $i (0; . + $i)"
    expected = pool.evaluate(slow, None, {})
    try:
        for number in (signal.SIGKILL, signal.SIGSTOP):
            with ThreadPoolExecutor(1) as threads:
                pool.start()
                asked = threads.submit(pool.evaluate, slow, None, {})
                psutil.Process(pool.pids()[0]).send_signal(number)
                assert asked.result(20) == expected
    finally:
        pool.close()


def test_time_on_the_wall_does_not_count() -> None:
    """A worker that was frozen for longer than the limit goes on, and its answer counts."""
    pool = JqPool(EvaluationLimits(seconds=0.4))
    pool.start()
    worker = psutil.Process(pool.pids()[0])
    worker.suspend()
    with ThreadPoolExecutor(1) as threads:
        asked = threads.submit(pool.evaluate, ".+1", 1, {})
        frozen = time.monotonic()
        until(lambda: time.monotonic() - frozen > 0.8)
        worker.resume()
        assert asked.result(20) == 2
    assert pool.pids() == (worker.pid,)
    pool.close()


def test_large_data_goes_through(pool: JqPool) -> None:
    """Data far larger than a socket's buffer is read whole before it is evaluated."""
    assert pool.evaluate(".x | length", {"x": "y" * 5_000_000}, {}) == 5_000_000


def test_the_environment_is_empty(pool: JqPool) -> None:
    """Neither `env` nor `$ENV` shows anything, and no argument is reachable unless named."""
    assert pool.evaluate("env", None, {}) == {}
    assert pool.evaluate("$ENV", None, {"secret": 1}) == {}
    assert pool.evaluate("$ENV.PATH", None, {}) is None


@pytest.mark.parametrize(
    "program",
    [
        "1) | (2",
        "1 | ) (",
        ". as $x",
        "label $out",
        "def f: 1;",
        "",
        "# nothing",
        "1 |",
        "| 1",
        "1,",
        "$__prog_args",
        "$nope",
        "nope",
        '"\\(',
        'import "a" as a; 1',
        'include "a"; 1',
        '. | import "a" as a; 1',
    ],
)
def test_what_does_not_stand_alone_does_not_compile(pool: JqPool, program: str) -> None:
    """Nothing breaks out of its place, modules cannot be named, and only bound names exist."""
    with pytest.raises(ExpressionError):
        pool.compile(program, names=["context"])
    refusal(pool, program)


@pytest.mark.parametrize(
    "program", ["input", '"a" | modulemeta', 'error("no")', "input_line_number"]
)
def test_dangerous_builtins_only_fail(pool: JqPool, program: str) -> None:
    """Reading further input or a module is an expression error, nothing more."""
    refusal(pool, program)


@pytest.mark.parametrize("program", ["halt", '"x" | halt_error', "inputs", "empty"])
def test_no_output_is_an_empty_result(pool: JqPool, program: str) -> None:
    """A program that gives nothing has no result, and the worker lives on."""
    before = [worker.pid for worker in workers()]
    with pytest.raises(EmptyResult):
        pool.evaluate(program, None, {})
    assert [worker.pid for worker in workers()] == before


@pytest.mark.parametrize("program", ["debug", "stderr", ". # a comment \\", "def tojson: 7; ."])
def test_harmless_programs_are_harmless(pool: JqPool, program: str) -> None:
    """Messages go nowhere; a comment or a redefinition does not disturb the result."""
    assert pool.evaluate(program, {"a": [1]}, {}) == {"a": [1]}


def test_now_is_the_recorded_time(pool: JqPool) -> None:
    """`now` gives the transition's time, also inside the user's functions."""
    assert pool.evaluate("def f: now; [now, f, (now | todate)]", None, {NOW: 1.5})[:2] == [1.5, 1.5]


def test_messages_say_where(pool: JqPool) -> None:
    """A message quotes the expression and counts lines and columns in it."""
    assert refusal(pool, ".a +\n  $nope") == (
        "`.a + $nope`: $nope is not defined (line 2, column 3)"
    )
    assert refusal(pool, ". as $x") == "`. as $x`: the expression ends too early"
    assert "Cannot index number" in refusal(pool, ".a.b", {"a": 1})


def test_compile_takes_free_variables_for_bound_without_a_scope(pool: JqPool) -> None:
    """Without names only syntax and functions are checked."""
    pool.compile("$anything.x | now")
    with pytest.raises(ExpressionError, match="nope/0 is not defined"):
        pool.compile("nope")


def test_numbers_and_text_of_every_size_are_safe(pool: JqPool) -> None:
    """64-bit integers keep their digits, longer ones go through, a lone surrogate is replaced."""
    snowflake = 2**63 - 1
    assert pool.evaluate("[.a, $a]", {"a": snowflake}, {"a": snowflake}) == [snowflake, snowflake]
    assert pool.evaluate(".a", {"a": 10**30}, {}) == pytest.approx(1e30)
    assert pool.evaluate(".a", {"a": "x\ud800y"}, {}) == "x\ufffdy"
    assert pool.evaluate(".a", {"a": "\U0001f600"}, {}) == "\U0001f600"
    assert pool.evaluate("[nan, infinite]", None, {}) == [None, 1.7976931348623157e308]
    assert "Unicode" in refusal(pool, '"\ud800"')


def test_data_that_is_not_json_is_refused(pool: JqPool) -> None:
    """What cannot be said in JSON is an expression error, not a crash."""
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    assert "cannot be JSON" in refusal(pool, ".[0]", deep)
    assert "cannot be JSON" in refusal(pool, ".[0]", [object()])
    refusal(pool, "reduce range(20000) as $i (0; [.])")


def test_eight_threads_at_once(pool: JqPool) -> None:
    """Answers never go to the wrong thread."""
    barrier = threading.Barrier(8)

    def work(thread: int) -> bool:
        barrier.wait(10)
        given = [pool.evaluate(".n + $t", {"n": n}, {"t": thread}) for n in range(200)]
        return given == [n + thread for n in range(200)]

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(work, range(8)))


def test_several_workers_share_the_work() -> None:
    """With two workers an endless program does not hold up the other thread."""
    pool = JqPool(EvaluationLimits(seconds=5.0), size=2)
    try:
        with ThreadPoolExecutor(2) as threads:
            endless = threads.submit(refusal, pool, "last(repeat(1))")
            assert pool.evaluate(".+1", 1, {}) == 2
            assert not endless.done()
            endless.result(20)
    finally:
        pool.close()


def test_a_worker_dies_with_its_parent() -> None:
    """A host that is killed leaves no worker behind, not even one in an endless program."""
    script = (
        "from functions.host.jq import JqPool, EvaluationLimits\n"
        "import threading\n"
        "pool = JqPool(EvaluationLimits(seconds=0.5))\n"
        "pool.start()\n"
        "print(pool.pids()[0], flush=True)\n"
        "while True:\n"
        "    try: pool.evaluate('last(repeat(1))', None, {})\n"
        "    except Exception: pass\n"
    )
    import subprocess
    import sys

    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as host:
        assert host.stdout is not None
        worker = psutil.Process(int(host.stdout.readline()))
        host.kill()
    until(lambda: not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE)


def test_close_ends_the_workers() -> None:
    """After `close` no process is left, and the pool can be used again."""
    pool = JqPool(LIMITS)
    pool.start()
    (pid,) = pool.pids()
    pool.close()
    assert not psutil.pid_exists(pid)
    assert pool.evaluate(".+1", 1, {}) == 2
    pool.close()


def test_a_forked_child_starts_its_own_worker() -> None:
    """A worker inherited over a fork is left to the process that started it."""
    pool = JqPool(LIMITS)
    pool.start()
    (pid,) = pool.pids()
    child = os.fork()
    if child == 0:
        os._exit(0 if pool.evaluate(".+1", 1, {}) == 2 and pool.pids() != (pid,) else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert pool.evaluate(".+1", 1, {}) == 2
    assert pool.pids() == (pid,)
    pool.close()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@settings(max_examples=200, deadline=None)
@given(value=json_values)
def test_values_come_back_as_they_went(pool: JqPool, value: Any) -> None:
    """Every JSON value survives the way to the worker and back."""
    assert pool.evaluate("[., $v]", value, {"v": value}) == [value, value]


def until(condition: Any, seconds: float = 10.0) -> None:
    """Poll until the condition holds; fail at the deadline."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        threading.Event().wait(0.01)
