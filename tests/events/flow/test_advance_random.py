"""`advance` against a plain recursive interpreter, on flows made up at random."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from events.errors import Problem
from events.flow.advance import advance
from events.flow.effects import ChildRequest
from events.flow.expressions import ExpressionError
from events.flow.signals import Start
from events.flow.steps import Facts, ScopeCompleted, ScopeFaulted
from events.flow.syntax import Flow
from tests.events.flow.conftest import BEGAN

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from events.flow.effects import TaskRequest

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
    "sum": lambda data, _: {"n": sum(map(count, data))},
    "two": lambda data, _: len(data) == 2,
    "fail": lambda _data, _: fail("as told"),
}


EVENTS: Json = [
    {"id": str(n), "source": "s", "type": "ab"[n % 3 == 1], "data": {"n": n}} for n in range(48)
]
"""What has come by the time a run starts."""


def evaluate(program: str, data: Json, arguments: Mapping[str, Json]) -> Json:
    """Evaluate one of the few programs these flows use."""
    return PROGRAMS[program](data, arguments)


CHILDREN: dict[str, list[Json]] = {
    "adds": [{"one": {"set": "${ add one }"}}, {"two": {"set": "${ double }"}}],
    "raises": [{"odd": {"raise": {"error": {"type": "https://x.test/raised", "status": 503}}}}],
}
"""The flows that these flows run."""
MESSAGES: Json = [{"n": 4}, {"n": 5}]
"""What a call that subscribes brings: as many as it has visits; the subscription ends at two."""


def answer(request: TaskRequest | ChildRequest) -> Json:
    """Answer by the visit: every third call of a task faults; run the flows that are asked for."""
    if isinstance(request, ChildRequest):
        return of_child(request)
    visit = int(request.instance.partition("@")[0].rsplit("#", 1)[1])
    if visit % 3 == 0:
        return Problem("https://x.test/tool", 503, "Busy")
    if request.function == "asyncapi":
        return {"messages": MESSAGES[:visit], "seconds": 0, "over": visit % 2 == 0, "error": None}
    return {"n": request.input["n"] + visit}


def of_child(request: ChildRequest) -> Json:
    """Return the output of a run of its own, or the error it ends with."""
    if not request.awaited:
        return None
    document = {"dsl": "1.0.3", "namespace": "test", "name": request.name, "version": "1.0.0"}
    child = Flow.model_validate({"document": document, "do": CHILDREN[request.name]})
    facts = Facts(request.instance, request.input, BEGAN, BEGAN)
    status = advance(child, None, Start(), facts, evaluate).status
    if isinstance(status, ScopeFaulted):
        return status.problem
    assert isinstance(status, ScopeCompleted)
    return status.output


@dataclass
class RaisedError(Exception):
    """An error on its way up: its status, type and where it was raised."""

    status: int
    kind: str
    instance: str


class EndedError(Exception):
    """`then: end`, with the output."""


class SilenceError(Exception):
    """A listen for which no event is left."""


class Reference:
    """What the DSL means, said again as one recursive function per construct."""

    def __init__(self, data: Json) -> None:
        self.context: Json = data if isinstance(data, dict) else {}
        self.visits: dict[str, int] = {}
        self.consumed: set[tuple[str, str]] = set()
        self.within = ""  # which iterations of parallel loops this is

    def flow(self, tasks: list[Json], data: Json) -> Json:
        """Return the output of a flow."""
        try:
            return self.sequence(tasks, "/do", data, {})
        except EndedError as end:
            return end.args[0]

    def sequence(self, tasks: list[Json], at: str, data: Json, names: dict[str, Json]) -> Json:
        """Do the tasks as their directives say."""
        order = [next(iter(each)) for each in tasks]
        index = 0
        while index < len(tasks):
            name = order[index]
            data, then = self.task(tasks[index][name], f"{at}/{index}/{name}", data, names)
            if then == "end":
                raise EndedError(data)
            if then == "exit":
                return data
            index = order.index(then) if then in order else index + 1
        return data

    def task(self, task: Json, at: str, raw: Json, names: dict[str, Json]) -> tuple[Json, Any]:
        """Do one task with everything all tasks have; return its output and directive."""
        self.visits[at] = self.visits.get(at, 0) + 1
        if "if" in task and not self.value(task["if"], raw, at, names):
            return raw, None
        data = self.value(task["input"]["from"], raw, at, names) if "input" in task else raw
        output, then = self.body(task, at, data, names)
        if "output" in task:
            output = self.value(task["output"]["as"], output, at, names)
        if "export" in task:
            self.context = self.value(task["export"]["as"], output, at, names)
        return output, then or task.get("then")

    def body(  # noqa: C901, PLR0911 - one for each keyword
        self, task: Json, at: str, data: Json, names: dict[str, Json]
    ) -> tuple[Json, Any]:
        """Do what the keyword says."""
        if "set" in task:
            return self.value(task["set"][3:-2], data, at, names), None
        if "raise" in task:
            raise RaisedError(task["raise"]["error"]["status"], "https://x.test/raised", at)
        if task.get("call") == "asyncapi":
            return self.subscribe(task["with"]["subscription"]["foreach"], at, names), None
        if "call" in task:
            return self.call(at, data), None
        if "switch" in task:
            return data, self.switch(task["switch"], at, data, names)
        if "wait" in task:
            return data, None
        if "listen" in task:
            return self.listen(task, at, names), None
        if "run" in task:
            return self.run(task["run"], at, data), None
        if "fork" in task:
            return self.fork(task["fork"]["branches"], at, data, names), None
        if "try" in task:
            return self.try_(task, at, data, names), None
        if "for" in task:
            return self.for_(task, at, data, names), None
        return self.sequence(task["do"], f"{at}/do", data, names), None

    def call(self, at: str, data: Json) -> Json:
        """Get the answer that `answer` gives."""
        visit = self.visits[at]
        if visit % 3 == 0:
            raise RaisedError(503, "https://x.test/tool", at)
        return {"n": data["n"] + visit}

    def run(self, run: Json, at: str, data: Json) -> Json:
        """Do another flow, with a context of its own; its error is the task's."""
        asked = run["workflow"]
        if not run["await"]:
            return data
        given = {"n": data["n"]} if "input" in asked else {}
        try:
            return Reference(given).flow(CHILDREN[asked["name"]], given)
        except RaisedError as error:
            raise RaisedError(error.status, error.kind, at) from None

    def switch(self, cases: list[Json], at: str, data: Json, names: dict[str, Json]) -> Any:
        """Return the directive of the case that holds."""
        default = None
        for each in cases:
            [case] = each.values()
            if "when" not in case:
                default = default or case["then"]
            elif self.value(case["when"], data, at, names):
                return case["then"]
        return default

    def for_(self, task: Json, at: str, data: Json, names: dict[str, Json]) -> Json:
        """Go through the items, or do each alone."""
        if "metadata" in task:
            return self.parallel(task, at, data, names)
        for index, item in enumerate(self.value(task["for"]["in"], data, at, names)):
            inner = {**names, "item": item, "index": index}
            if "while" in task and not self.value(task["while"], data, at, inner):
                break
            data = self.sequence(task["do"], f"{at}/do", data, inner)
        return data

    def parallel(self, task: Json, at: str, data: Json, names: dict[str, Json]) -> Json:
        """Do each iteration as if it were alone."""
        outputs: list[Json] = []
        for index, item in enumerate(self.value(task["for"]["in"], data, at, names)):
            alone = Reference(self.context)
            alone.context, alone.consumed = self.context, self.consumed
            alone.within = f"{self.within}|{at}/{index}"
            inner = {**names, "item": item, "index": index}
            try:
                outputs.append(alone.sequence(task["do"], f"{at}/do", data, inner))
            except RaisedError as error:
                if task["metadata"]["tendril"]["onError"] == "fail":
                    raise
                outputs.append({"error": {"status": error.status}})
        return outputs

    def try_(self, task: Json, at: str, data: Json, names: dict[str, Json]) -> Json:
        """Do the list, again while the policy says so; handle what it raises at last."""
        catch, left = task["catch"], task["catch"].get("retry", RETRY)["limit"]["attempt"]["count"]
        while True:
            try:
                return self.sequence(task["try"], f"{at}/try", data, names)
            except RaisedError as error:
                if self.caught(catch, error, at, data, names) and left:
                    left -= 1
                    continue
                if "retry" in catch and "do" not in catch:
                    raise
                inner = {**names, "error": {"status": error.status}}
                return self.sequence(catch.get("do", []), f"{at}/catch/do", data, inner)

    def caught(
        self, catch: Json, error: RaisedError, at: str, data: Json, names: dict[str, Json]
    ) -> bool:
        """Let an error pass that the filter or the condition does not want."""
        wanted = catch.get("errors", {"with": {"status": error.status}})["with"]["status"]
        if error.status != wanted:
            raise error
        inner = {**names, "error": {"status": error.status}}
        if "when" in catch and not self.value(catch["when"], data, at, inner):
            raise error
        return True

    def fork(self, branches: list[Json], at: str, data: Json, names: dict[str, Json]) -> Json:
        """Do one branch after the other, each as if it were alone."""
        outputs = []
        for index, each in enumerate(branches):
            [(name, task)] = each.items()
            alone = Reference(self.context)
            alone.context, alone.consumed = self.context, self.consumed
            alone.within = self.within
            place = f"{at}/fork/branches/{index}/{name}"
            outputs.append(alone.task(task, place, data, names)[0])
        return outputs

    def listen(self, task: Json, at: str, names: dict[str, Json]) -> Json:
        """Take the first events that are wanted and that this listener has not had."""
        to, outputs = task["listen"]["to"], list[Json]()
        [kind] = set(to) - {"until"}
        wanted = [each["with"]["type"] for each in ([to["one"]] if kind == "one" else to[kind])]
        while wanted:
            event = self.heard(at, wanted)
            self.item(task.get("foreach", {}), f"{at}/foreach", event["data"], outputs, names)
            if kind == "all":
                wanted.remove(event["type"])
            elif "until" not in to or self.value(to["until"], outputs, at, names):
                break
        return outputs

    def item(
        self, each: Json, at: str, item: Json, outputs: list[Json], names: dict[str, Json]
    ) -> None:
        """Do the tasks for what a subscription brings, and add to its outputs."""
        output, owner = item, at.removesuffix("/foreach").removesuffix("/with/subscription")
        inner = {**names, each.get("item", "item"): item, "index": len(outputs)}
        if "do" in each:
            output = self.sequence(each["do"], f"{at}/do", output, inner)
        if "output" in each:
            output = self.value(each["output"]["as"], output, owner, inner)
        if "export" in each:
            self.context = self.value(each["export"]["as"], output, owner, inner)
        outputs.append(output)

    def subscribe(self, each: Json, at: str, names: dict[str, Json]) -> Json:
        """Call, and do the tasks for what came, until a call says that this was all."""
        outputs = list[Json]()
        while True:
            visit = self.visits[at]
            if visit % 3 == 0:
                raise RaisedError(503, "https://x.test/tool", at)
            for message in MESSAGES[:visit]:
                self.item(each, f"{at}/with/subscription/foreach", message, outputs, names)
            if visit % 2 == 0:
                return outputs
            self.visits[at] += 1

    def heard(self, at: str, wanted: list[str]) -> Json:
        """Consume an event."""
        for event in EVENTS:
            heard = f"{at}@{self.within}", event["id"]
            if heard not in self.consumed and event["type"] in wanted:
                self.consumed.add(heard)
                return event
        raise SilenceError

    def value(self, program: str, data: Json, at: str, names: dict[str, Json]) -> Json:
        """Evaluate one program."""
        try:
            return evaluate(program, data, {"context": self.context, **names})
        except ExpressionError:
            raise RaisedError(400, "expression", at) from None


values = st.sampled_from(["add one", "double", "add variables", "add context", "status"])
failing = st.integers(0, 19).flatmap(lambda n: values if n else st.just("fail"))
conditions = st.sampled_from(["even", "small", "context even"])
statuses = st.sampled_from([400, 503])


RETRY: Json = {"limit": {"attempt": {"count": 0}}}
CALL = st.just({"call": "tool", "with": {"n": "${ number }"}})
ODD: Json = {"type": "https://x.test/raised", "status": 400}
WAIT = st.integers(0, 2).map(lambda s: {"wait": {"seconds": s}})
A, B = {"with": {"type": "a"}}, {"with": {"type": "b"}}
strategies = st.sampled_from(
    [{"one": B}, {"any": [B, A]}, {"all": [B, A, B]}, {"any": [A], "until": "two"}]
)
LISTEN = strategies.map(lambda to: {"listen": {"to": to}, "output": {"as": "sum"}})


def subscribing(each: Json) -> Json:
    """Return a task that consumes messages."""
    subscription = {"consume": {"amount": 2}, "foreach": each}
    given = {"document": {"endpoint": "https://x.test"}, "operation": "o"}
    called = {"call": "asyncapi", "with": {**given, "subscription": subscription}}
    return {**called, "output": {"as": "sum"}}


RUN = st.builds(
    lambda name, awaited: {
        "run": {
            "workflow": {
                "namespace": "test",
                "name": name,
                "version": "latest",
                "input": {"n": "${ number }"},
            },
            "await": awaited,
        }
    },
    st.sampled_from(sorted(CHILDREN)),
    st.booleans(),
)
# no errors within: which of several would end a fork is a matter of time
steps = st.one_of(values.map(lambda p: {"set": "${ " + p + " }"}), CALL, WAIT, LISTEN)
branch = st.lists(steps, max_size=3).map(
    lambda bodies: {"do": [{f"s{index}": body} for index, body in enumerate(bodies)]}
)
forks = st.lists(branch, max_size=3).map(
    lambda branches: {
        "fork": {"branches": [{f"b{index}": body} for index, body in enumerate(branches)]},
        "output": {"as": "sum"},
    }
)
# with `collect` errors are results; of several errors that fail, the first to come counts
together = st.builds(
    lambda many, each, do, fail: {
        "for": each,
        "metadata": {"tendril": {"concurrency": many, "onError": "fail" if fail else "collect"}},
        "do": do if fail else [*do, {"last": {"raise": {"error": ODD}, "if": "even"}}],
        "output": {"as": "sum"},
    },
    st.integers(1, 3),
    st.sampled_from(["items", "no items"]).map(lambda p: {"in": p}),
    st.lists(steps, max_size=3).map(
        lambda bodies: [{f"s{index}": body} for index, body in enumerate(bodies)]
    ),
    st.booleans(),
)
retries = st.builds(
    lambda count, delay: {"limit": {"attempt": {"count": count}}, "delay": {"seconds": delay}},
    st.integers(0, 2),
    st.integers(0, 2),
)


def plain() -> st.SearchStrategy[Json]:
    """Make tasks that hold no others."""
    raised = st.builds(
        lambda s: {"error": {"type": "https://x.test/raised", "status": s}}, statuses
    )
    return st.one_of(
        st.builds(lambda p: {"set": "${ " + p + " }"}, failing),
        st.builds(lambda e: {"raise": e}, raised),
        CALL,
        WAIT,
        LISTEN,
        st.builds(lambda task, each: task | {"foreach": each}, LISTEN, branch),
        branch.map(subscribing),
        RUN,
        forks,
        together,
    )


def tasks_of(inner: st.SearchStrategy[Json]) -> st.SearchStrategy[Json]:
    """Make task lists whose directives only go forward, so that every flow ends."""
    return st.lists(inner, max_size=4).flatmap(_linked)


@st.composite
def _linked(draw: st.DrawFn, bodies: list[Json]) -> list[Json]:
    names = [f"t{index}" for index in range(len(bodies))]
    tasks = []
    for index, body in enumerate(bodies):
        task = dict(body)
        directives = st.sampled_from(["continue", "exit", "end", *names[index + 1 :]])
        if draw(st.integers(0, 5)) == 0:
            cases = draw(
                st.lists(st.tuples(conditions | st.none(), directives), min_size=1, max_size=3)
            )
            task = {"switch": [_case(n, when, then) for n, (when, then) in enumerate(cases)]}
        more = draw(extras)
        task |= {
            name: value
            for name, value in more.items()
            if name != "output" or not gives_a_list(task)
        }
        if draw(st.integers(0, 3)) == 0:
            task["then"] = draw(directives)
        tasks.append({names[index]: task})
    return tasks


def gives_a_list(task: Json) -> bool:
    """Tell whether a task has to add up what it gives."""
    return bool({"fork", "listen", "metadata"} & task.keys()) or task.get("call") == "asyncapi"


def _case(number: int, when: str | None, then: str) -> Json:
    return {f"c{number}": {"then": then, **({"when": when} if when else {})}}


extras = st.fixed_dictionaries(
    {},
    optional={
        "if": conditions,
        "input": failing.map(lambda p: {"from": p}),
        "output": failing.map(lambda p: {"as": p}),
        "export": failing.map(lambda p: {"as": p}),
    },
)


def composite(inner: st.SearchStrategy[Json]) -> st.SearchStrategy[Json]:
    """Make tasks that hold others."""
    lists = tasks_of(inner)
    catch = st.fixed_dictionaries(
        {},
        optional={
            "errors": statuses.map(lambda s: {"with": {"status": s}}),
            "when": conditions,
            "do": lists,
            "retry": retries,
        },
    )
    foreach = st.fixed_dictionaries(
        {"item": st.just("event"), "do": lists},
        optional={
            "output": failing.map(lambda p: {"as": p}),
            "export": failing.map(lambda p: {"as": p}),
        },
    )
    for_in = st.sampled_from(["items", "items", "items", "no items"]).map(lambda p: {"in": p})
    return st.one_of(
        st.builds(lambda do: {"do": do}, lists),
        st.builds(lambda tried, caught: {"try": tried, "catch": caught}, lists, catch),
        st.builds(lambda each, do: {"for": each, "do": do}, for_in, lists),
        st.builds(lambda task, each: task | {"foreach": each}, LISTEN, foreach),
        foreach.map(subscribing),
        st.builds(
            lambda each, w, do: {"for": each, "while": w, "do": do}, for_in, conditions, lists
        ),
    )


flows = tasks_of(st.recursive(plain(), composite, max_leaves=16))


@settings(max_examples=250, deadline=None)
@given(
    tasks=flows, number=st.integers(0, 9), lots=st.lists(st.floats(0, 1), min_size=7, max_size=7)
)
def test_the_machine_means_what_the_reference_says(
    tasks: list[Json],
    number: int,
    lots: list[float],
    make_interpreter: Any,
    flow_of: Callable[..., Flow],
) -> None:
    """Output, context and every visit agree, and an error is the same at the same place.

    The lots decide which of the branches' answers that are ready is taken first.
    """
    data = {"n": number}
    reference = Reference(data)
    expected = outcome(reference, tasks, data)
    assume(not isinstance(expected, SilenceError))
    interpreter = make_interpreter(evaluate, luck=lambda name: lots[len(name) * 31 % 7])
    interpreter.events = [(0.0, event) for event in EVENTS]
    status = interpreter.status(flow_of(*tasks), data, answer)
    state = interpreter.steps[-1].state
    if isinstance(expected, RaisedError):
        assert isinstance(status, ScopeFaulted)
        problem = status.problem
        assert (problem.status, problem.instance) == (expected.status, expected.instance)
    else:
        assert status == ScopeCompleted(expected)
        assert state["context"] == reference.context
    assert state["visits"] == reference.visits


def outcome(reference: Reference, tasks: list[Json], data: Json) -> Json | Exception:
    """Return the reference's output, or the error it ends with; or that it never ends."""
    try:
        return reference.flow(tasks, data)
    except (RaisedError, SilenceError) as error:
        return error
