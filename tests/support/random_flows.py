"""Flows made up at random, of programs that need no jq; `sequential` says what they mean."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from events.errors import Problem
from events.flow.expressions import ExpressionError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from random import Random

Json = Any


def fail(reason: str) -> Json:
    """Fail as jq would."""
    raise ExpressionError(reason)


def number(value: Any) -> int:
    """Return an item of a loop; that of a listen is an event, which counts for nothing."""
    return value if isinstance(value, int) else 0


def count(output: Json) -> Json:
    """Count what a branch gave, an error as its status."""
    return output["error"]["status"] if "error" in output else output["n"]


PROGRAMS: dict[str, Callable[[Json, Mapping[str, Json]], Json]] = {
    "add one": lambda data, _: {"n": data["n"] + 1},
    "double": lambda data, _: {"n": data["n"] * 2},
    "add variables": lambda data, a: {"n": data["n"] + number(a.get("item")) + a.get("index", 0)},
    "add context": lambda data, a: {"n": data["n"] + a["context"]["n"]},
    "status": lambda data, a: {"n": data["n"] + a.get("error", {"status": 0})["status"]},
    "even": lambda data, _: data["n"] % 2 == 0,
    "small": lambda data, _: data["n"] < 20,
    "context even": lambda _, a: a["context"]["n"] % 2 == 0,
    "no items": lambda _data, _: [],
    "items": lambda data, _: [data["n"] % 5, 3, 5],
    "number": lambda data, _: data["n"],
    "payload": lambda data, _: {"n": data["data"]["n"]},
    "sum": lambda data, _: {"n": sum(map(count, data))},
    "two": lambda data, _: len(data) == 2,
    "fail": lambda _data, _: fail("as told"),
}
EVENTS: Json = [
    {"id": str(n), "source": "s", "type": "ab"[n % 3 == 1], "data": {"n": n}} for n in range(48)
]
"""What comes from outside."""


def evaluate(program: str, data: Json, arguments: Mapping[str, Json]) -> Json:
    """Evaluate one of the few programs these flows use."""
    return PROGRAMS[program](data, arguments)


MESSAGES: Json = [{"n": 4}, {"n": 5}]
"""What a call that subscribes brings: as many as it has visits; the subscription ends at two."""
SUBSCRIBED = -1
"""What a call that subscribes counts as being asked."""


def answer(instance: str, asked: Json) -> Json:
    """Answer a call by the visit: every third one of a task faults."""
    visit = int(instance.partition("@")[0].rsplit("#", 1)[1])
    if visit % 3 == 0:
        return Problem("https://x.test/tool", 503, "Busy")
    if "n" not in asked:
        return {"messages": MESSAGES[:visit], "seconds": 0, "over": visit % 2 == 0, "error": None}
    return {"n": asked["n"] + visit}


CALL: Json = {"call": "ping", "with": {"n": "${ number }"}}
ODD: Json = {"type": "https://x.test/raised", "status": 400}
BRIEF: Json = {"after": {"seconds": 1}}
LONG: Json = {"after": {"days": 9_000}}
"""A limit that is never reached."""
CHILDREN: dict[str, list[Json]] = {
    "adds": [{"one": {"set": "${ add one }"}}, {"two": {"set": "${ double }"}}],
    "raises": [{"odd": {"raise": {"error": ODD | {"status": 503}}}}],
    "asks": [{"one": CALL}, {"pause": {"wait": {"seconds": 1}}}, {"two": CALL}],
}
"""The flows that these flows run."""
EMIT: Json = {
    "emit": {
        "event": {
            "with": {"source": "https://x.test", "type": "emitted", "data": {"n": "${ number }"}}
        }
    },
    "output": {"as": "payload"},
}
_A, _B = {"with": {"type": "a"}}, {"with": {"type": "b"}}
_LISTENS: Json = [{"one": _B}, {"any": [_B, _A]}, {"all": [_B, _A, _B]}]
_LISTENS += [{"any": [_A], "until": "two"}]
_NEVER: Json = [
    {"wait": {"days": 10_000}},
    {"listen": {"to": {"one": {"with": {"type": "never"}}}}},
]
_VALUES = ["add one", "double", "add variables", "add context", "status"]
_CONDITIONS = ["even", "small", "context even"]
_STATUSES = [400, 408, 503]
_DEEPEST = 3


def flow(random: Random, size: int) -> list[Json]:
    """Make the tasks of a flow, of which about `size` hold others."""
    return _Author(random, size).tasks(3)


class _Author:
    """Makes flows up; the directives of a task only go forward, so that every flow ends."""

    def __init__(self, random: Random, size: int) -> None:
        self._random, self._left, self._depth = random, size, 0

    def tasks(self, least: int = 0) -> list[Json]:
        """Make a task list."""
        names = [f"t{index}" for index in range(self._random.randint(least, 4))]
        return [{name: self._task(names[index + 1 :])} for index, name in enumerate(names)]

    def _one_in(self, many: int) -> bool:
        return self._random.randrange(many) == 0

    def _among(self, choices: list[Any]) -> Any:
        return self._random.choice(choices)

    def _some(self, **given: Json) -> dict[str, Json]:
        """Return some of what is given."""
        return {name: value for name, value in given.items() if self._one_in(2)}

    def _value(self) -> str:
        return "fail" if self._one_in(30) else str(self._among(_VALUES))

    def _task(self, later: list[str]) -> Json:
        directives = ["continue", "continue", *later, "exit", "end"]
        task = self._switch(directives) if self._one_in(12) else self._body()
        if self._one_in(4):
            task = self._some(**self._extras()) | task
        if self._one_in(12):
            task["then"] = self._among(directives)
        return task

    def _extras(self) -> dict[str, Json]:
        """Make what every task may have."""
        return {
            **({"if": self._condition()} if self._one_in(3) else {}),
            "input": {"from": self._value()},
            "output": {"as": self._value()},
            "export": {"as": self._value()},
            "timeout": LONG,
        }

    def _condition(self) -> str:
        """Make a condition that may fail."""
        return "fail" if self._one_in(12) else str(self._among(_CONDITIONS))

    def _switch(self, directives: list[str]) -> Json:
        cases = []
        for number in range(self._random.randint(1, 3)):
            when = {} if self._one_in(4) else {"when": self._among(_CONDITIONS)}
            cases.append({f"c{number}": {"then": self._among(directives), **when}})
        return {"switch": cases}

    def _body(self) -> Json:
        if self._left and self._depth < _DEEPEST and not self._one_in(3):
            self._left, self._depth = self._left - 1, self._depth + 1
            task = self._among([self._do, self._try, self._for, self._foreach])()
            self._depth -= 1
            return task
        made = [self._step] * 6 + [self._trouble, self._listen_each, self._subscribe_each]
        made += [self._run, self._emit]
        return self._among([*made, self._fork, self._fork, self._together, self._together])()

    def _step(self) -> Json:
        """Make a task that takes no error anywhere."""
        wait = {"wait": {"seconds": self._random.randint(0, 2)}}
        put = {"set": f"${{ {self._among(_VALUES)} }}"}
        return self._among([put, dict(CALL), dict(CALL), wait, self._listen()])

    def _listen(self) -> Json:
        return {"listen": {"to": self._among(_LISTENS)}, "output": {"as": "sum"}}

    def _trouble(self) -> Json:
        """Make a task that fails, at once or in time."""
        error = {"type": ODD["type"], "status": self._among(_STATUSES)}
        raised = {"raise": {"error": error}}
        return self._among(
            [raised, {"set": "${ fail }"}, *(t | {"timeout": BRIEF} for t in _NEVER)]
        )

    def _run(self) -> Json:
        asked = {"namespace": "test", "name": self._among(sorted(CHILDREN)), "version": "latest"}
        workflow = asked | {"input": {"n": "${ number }"}}
        return {"run": {"workflow": workflow, "await": self._one_in(2)}}

    def _emit(self) -> Json:
        return dict(EMIT)

    def _listen_each(self) -> Json:
        return self._listen() | {"foreach": {"do": self._steps()}}

    def _subscribe_each(self) -> Json:
        return _subscribing({"do": self._steps()})

    def _steps(self, least: int = 0) -> list[Json]:
        return _listed([self._step() for _ in range(self._random.randint(least, 3))])

    def _racing(self) -> list[Json]:
        """Make tasks that take their time and may fail: the first to end may end all."""
        first = self._among([dict(CALL), {"wait": {"seconds": 1}}])
        last = [{"raise": {"error": ODD}, "if": "even"}] if self._one_in(2) else []
        return _listed([first, *(self._step() for _ in range(self._random.randint(0, 2))), *last])

    def _branch(self) -> Json:
        """Make a branch in which nothing fails: all of it happens, in whatever order."""
        steps = self._steps()
        if self._one_in(4):
            steps.append({"inner": _forked([{"do": self._steps()} for _ in range(2)])})
        return {"do": steps}

    def _fork(self) -> Json:
        if self._one_in(2):
            return _forked([self._branch() for _ in range(self._random.randint(0, 3))])
        fork = _forked([{"do": self._racing()} for _ in range(self._random.randint(1, 3))])
        return fork if self._one_in(2) else {"fork": fork["fork"] | {"compete": True}}

    def _together(self) -> Json:
        """Make a loop whose iterations run at the same time."""
        fails = self._one_in(2)
        do = self._racing() if self._one_in(2) else self._steps()
        if not fails:  # then errors are results
            do.append({"last": {"raise": {"error": ODD}, "if": "even"}})
        how = {"concurrency": self._random.randint(1, 3), "onError": "fail" if fails else "collect"}
        return self._in() | {"metadata": {"tendril": how}, "do": do, "output": {"as": "sum"}}

    def _in(self) -> Json:
        return {"for": {"in": "no items" if self._one_in(6) else "items"}}

    def _do(self) -> Json:
        return {"do": self.tasks()}

    def _for(self) -> Json:
        return self._in() | self._some(**{"while": self._among(_CONDITIONS)}) | self._do()

    def _foreach(self) -> Json:
        more = self._some(output={"as": self._value()}, export={"as": self._value()})
        each = {"item": "event"} | more | self._do()
        return _subscribing(each) if self._one_in(3) else self._listen() | {"foreach": each}

    def _try(self) -> Json:
        catch: Json = {}
        if self._one_in(3):
            catch = self._some(when=self._among(_CONDITIONS), exceptWhen=self._among(_CONDITIONS))
        if self._one_in(4):
            catch["errors"] = {"with": {"status": self._among(_STATUSES)}}
        if self._one_in(2):
            catch["retry"] = self._retry()
        return {"try": self.tasks(1), "catch": catch | self._some(**self._do())}

    def _retry(self) -> Json:
        return {
            "limit": {"attempt": {"count": self._random.randint(0, 2)}},
            "delay": {"seconds": self._random.randint(0, 2)},
            **({"when": self._among(_CONDITIONS)} if self._one_in(3) else {}),
            **self._some(backoff={"exponential": {}}),
        }


def _subscribing(each: Json) -> Json:
    """Return a task that consumes messages."""
    subscription = {"consume": {"amount": 2}, "foreach": each}
    given = {"document": {"endpoint": "https://x.test"}, "operation": "o"}
    called = {"call": "asyncapi", "with": {**given, "subscription": subscription}}
    return {**called, "output": {"as": "sum"}}


def _listed(bodies: list[Json]) -> list[Json]:
    return [{f"s{index}": body} for index, body in enumerate(bodies)]


def _forked(branches: list[Json]) -> Json:
    named = [{f"b{index}": body} for index, body in enumerate(branches)]
    return {"fork": {"branches": named}, "output": {"as": "sum"}}
