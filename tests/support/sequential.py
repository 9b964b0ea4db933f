"""What the DSL means, said again as a plain recursive interpreter: one thing after the other.

It knows nothing of states, events or hosts. Where things happen at the same time, an `Oracle`
says what only time can tell: which branch of a fork was first to end it, and in which order a
listen got its events.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from events.flow.expressions import ExpressionError
from tests.support.random_flows import BRIEF, CHILDREN, MESSAGES, SUBSCRIBED, evaluate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Json = Any
_VISIT = re.compile(r"#\d+")


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


@dataclass(frozen=True)
class Oracle:
    """What only time can tell."""

    events: Sequence[Json]
    """What comes, in its order."""
    first: Mapping[str, int]
    """By a fork's instance: the branch that ended it before the others were through."""
    heard: Mapping[str, Sequence[str]]
    """By a listen's instance: the ids of the events that it consumed."""

    def told(self, instance: str) -> list[Json]:
        """Return what a listen consumed."""
        named = {event["id"]: event for event in self.events}
        return [named[name] for name in self.heard.get(instance, ())]

    def left(self, listener: str) -> list[Json]:
        """Return what no visit of a listen has consumed."""
        had = {
            name
            for instance, names in self.heard.items()
            if listener_of(instance) == listener
            for name in names
        }
        return [event for event in self.events if event["id"] not in had]


def listener_of(instance: str) -> str:
    """Return the name that all visits of a listen share, by which it consumes an event once."""
    return _VISIT.sub("", instance)


@dataclass
class Deeds:
    """What a run does to the world; its branches share it."""

    calls: Counter[tuple[str, int]] = field(default_factory=Counter)
    """By task instance and argument."""
    emitted: Counter[int] = field(default_factory=Counter)
    consumed: set[tuple[str, str]] = field(default_factory=set)
    cut: list[str] = field(default_factory=list)
    """How the scopes begin whose branches were cut short: what they have done is not told."""


class Reference:
    """Interprets one scope: the flow's own, or a branch's."""

    def __init__(self, data: Json, oracle: Oracle, deeds: Deeds | None = None) -> None:
        self.context: Json = data if isinstance(data, dict) else {}
        self.visits: dict[str, int] = {}
        self.oracle, self.deeds = oracle, deeds or Deeds()
        self.scope = ""

    def flow(self, tasks: list[Json], data: Json) -> Json:
        """Return the output of a flow."""
        try:
            return self.sequence(tasks, "/do", data, {})
        except EndedError as end:
            return end.args[0]

    def outcome(self, tasks: list[Json], data: Json) -> Json | Exception:
        """Return the output, or the error that it ends with; or that it never ends."""
        try:
            return self.flow(tasks, data)
        except (RaisedError, SilenceError) as error:
            return error

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

    def instance(self, at: str) -> str:
        """Return the name of a task's present visit."""
        return f"{at}#{self.visits[at]}" + (f"@{self.scope}" if self.scope else "")

    def task(self, task: Json, at: str, raw: Json, names: dict[str, Json]) -> tuple[Json, Any]:
        """Do one task with everything all tasks have; return its output and directive."""
        self.visits[at] = self.visits.get(at, 0) + 1
        if "if" in task and not self.value(task["if"], raw, at, names):
            return raw, None
        data = self.value(task["input"]["from"], raw, at, names) if "input" in task else raw
        if task.get("timeout") == BRIEF:  # given to what never ends by itself
            raise RaisedError(408, "timeout", at)
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
        if "emit" in task:
            self.deeds.emitted[data["n"]] += 1
            return {"data": data}, None
        if "switch" in task:
            return data, self.switch(task["switch"], at, data, names)
        if "wait" in task:
            return data, None
        if "listen" in task:
            return self.listen(task, at, names), None
        if "run" in task:
            return self.run(task["run"], at, data), None
        if "fork" in task:
            return self.fork(task["fork"], at, data, names), None
        if "try" in task:
            return self.try_(task, at, data, names), None
        if "for" in task:
            return self.for_(task, at, data, names), None
        return self.sequence(task["do"], f"{at}/do", data, names), None

    def call(self, at: str, data: Json) -> Json:
        """Get the answer that `random_flows.answer` gives."""
        self.deeds.calls[self.instance(at), data["n"]] += 1
        visit = self.visits[at]
        if visit % 3 == 0:
            raise RaisedError(503, "https://x.test/tool", at)
        return {"n": data["n"] + visit}

    def run(self, run: Json, at: str, data: Json) -> Json:
        """Do another flow, with a context of its own; its error is the task's."""
        asked = run["workflow"]
        given = {"n": data["n"]} if "input" in asked else {}
        try:
            output = Reference(given, self.oracle, self.deeds).flow(CHILDREN[asked["name"]], given)
        except RaisedError as error:
            if run["await"]:
                raise RaisedError(error.status, error.kind, at) from None
        return output if run["await"] else data

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
        """Do each iteration as if it were alone, or the one whose error ends the loop."""
        outputs: list[Json] = []
        first = self.first(at)
        for index, item in enumerate(self.value(task["for"]["in"], data, at, names)):
            if first not in {None, index}:
                continue
            inner = {**names, "item": item, "index": index}
            try:
                outputs.append(self.alone(at, index).sequence(task["do"], f"{at}/do", data, inner))
            except RaisedError as error:
                if task["metadata"]["tendril"]["onError"] == "fail":
                    raise
                outputs.append({"error": {"status": error.status}})
        return outputs

    def fork(self, fork: Json, at: str, data: Json, names: dict[str, Json]) -> Json:
        """Do one branch after the other, each as if it were alone; or the first to end it all."""
        outputs = []
        first = self.first(at)
        for index, each in enumerate(fork["branches"]):
            if first in {None, index}:
                [(name, task)] = each.items()
                place = f"{at}/fork/branches/{index}/{name}"
                outputs.append(self.alone(at, index).task(task, place, data, names)[0])
        return outputs[0] if fork.get("compete") else outputs

    def first(self, at: str) -> int | None:
        """Return which branch ended the fork alone; None where all came to their end."""
        instance = self.instance(at)
        first = self.oracle.first.get(instance)
        if first is not None:
            self.deeds.cut.append(self.branch(at, 0)[:-1])
        return first

    def alone(self, at: str, index: int) -> Reference:
        """Return an interpreter of one branch."""
        inner = Reference(None, self.oracle, self.deeds)
        inner.context, inner.scope = self.context, self.branch(at, index)
        return inner

    def branch(self, at: str, index: int) -> str:
        """Return the name of a branch's scope."""
        return (f"{self.scope}|" if self.scope else "") + f"{at}#{self.visits[at]}/{index}"

    def try_(self, task: Json, at: str, data: Json, names: dict[str, Json]) -> Json:
        """Do the list, again while the policy says so; handle what it raises at last."""
        catch, policy = task["catch"], task["catch"].get("retry", {})
        left = policy["limit"]["attempt"]["count"] if policy else 0
        while True:
            try:
                return self.sequence(task["try"], f"{at}/try", data, names)
            except RaisedError as error:
                inner = {**names, "error": {"status": error.status}}
                if not self.caught(catch, error, at, data, inner):
                    raise
                again = "when" not in policy or self.value(policy["when"], data, at, inner)
                if again and left:
                    left -= 1
                    continue
                if policy and "do" not in catch:
                    raise
                return self.sequence(catch.get("do", []), f"{at}/catch/do", data, inner)

    def caught(
        self, catch: Json, error: RaisedError, at: str, data: Json, names: dict[str, Json]
    ) -> bool:
        """Tell whether the filter and the conditions want an error."""
        if "errors" in catch and error.status != catch["errors"]["with"]["status"]:
            return False
        if "when" in catch and not self.value(catch["when"], data, at, names):
            return False
        return "exceptWhen" not in catch or not self.value(catch["exceptWhen"], data, at, names)

    def listen(self, task: Json, at: str, names: dict[str, Json]) -> Json:
        """Take the first events that are wanted and that this listener has not had."""
        to, outputs = task["listen"]["to"], list[Json]()
        [kind] = set(to) - {"until"}
        wanted = [each["with"]["type"] for each in ([to["one"]] if kind == "one" else to[kind])]
        while wanted:
            event = self.heard(at, wanted, len(outputs))
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
            self.deeds.calls[self.instance(at), SUBSCRIBED] += 1
            visit = self.visits[at]
            if visit % 3 == 0:
                raise RaisedError(503, "https://x.test/tool", at)
            for message in MESSAGES[:visit]:
                self.item(each, f"{at}/with/subscription/foreach", message, outputs, names)
            if visit % 2 == 0:
                return outputs
            self.visits[at] += 1

    def heard(self, at: str, wanted: list[str], had: int) -> Json:
        """Consume an event."""
        instance = self.instance(at)
        told, listener = self.oracle.told(instance), listener_of(instance)
        if had == len(told):
            missed = [each for each in self.oracle.left(listener) if each["type"] in wanted]
            assert not missed, f"{instance} was never told of {missed}"
            raise SilenceError
        event = told[had]
        assert event["type"] in wanted, f"{instance} did not want {event}"
        assert (listener, event["id"]) not in self.deeds.consumed, f"{instance} had {event}"
        self.deeds.consumed.add((listener, event["id"]))
        return event

    def value(self, program: str, data: Json, at: str, names: dict[str, Json]) -> Json:
        """Evaluate one program."""
        try:
            return evaluate(program, data, {"context": self.context, **names})
        except ExpressionError:
            raise RaisedError(400, "expression", at) from None
