"""A run on a platform becomes a test: what it began with, what tools answered, how it ended."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import isodate

from events.flow.approval import SOURCE
from events.flow.late import rendered
from events.flow.parse import parse
from events.flow.rehearsal.paths import labels
from events.flow.rehearsal.recording import Asked
from events.flow.rehearsal.script import Tape
from events.vocabulary import approval_id
from knative.cli.address import find
from knative.cli.client import FLOW, Platform, segment
from knative.cli.console import note
from knative.cli.exits import CommandError, Exit, UsageError
from knative.cli.runs import split
from knative.cli.testing.files import SUFFIX, tape_name
from knative.cli.testing.taping import Taping, write

if TYPE_CHECKING:
    from collections.abc import Iterator

Json = Any
_WORKFLOW = "workflow"
"""Stands for the tool of a task that runs another flow."""
_DONE = ("completed", "faulted")
_ENDS = frozenset({"task.completed", "task.faulted"})


def written(run_id: str, output: Path | None) -> Path:
    """Write a run's test file, its recording and its flow; return the test file."""
    platform = Platform(find().url)
    where = f"{FLOW}/runs/{segment(run_id)}"
    run = platform.get(where)
    if run["status"] not in _DONE:
        raise UsageError(
            f"run {run_id} is {run['status']}; a test needs one that has ended by itself"
        )
    history = platform.get(f"{where}/history")["history"]
    asked = platform.get(f"{where}/tasks")
    namespace, name, version = split(run["flow"])
    path = output or Path(f"{name}-{run_id[:8]}{SUFFIX}")
    if path.exists():
        raise UsageError(f"{path}: is there already; name another file with -o")
    known = platform.get(f"{FLOW}/flows/{segment(namespace)}/{segment(name)}", version=version)
    flow = _flow_file(path.parent, known)
    case = _case(run, asked, history)
    comment = f"Written from run {run_id} of {run['flow']}"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not flow.exists():
            flow.write_text(known["source"], encoding="utf-8")
        write(
            path.parent / tape_name(path),
            {"answers": _answers(case, asked["tasks"], history)},
            comment,
        )
        write(path, {"flow": flow.name, "cases": [case]}, comment)
    except OSError as error:
        raise CommandError(Exit.FAILURE, f"{path}: cannot be written: {error.strerror}") from error
    note(f"wrote {path}, {tape_name(path)} and {flow.name}")
    return path


def _flow_file(folder: Path, flow: dict[str, Json]) -> Path:
    """Return the file that has the flow, or will: one that is there is taken if it is the same."""
    for name in (f"{flow['name']}.yaml", f"{flow['name']}-{flow['version']}.yaml"):
        file = folder / name
        if not file.exists() or _digest(file) == flow["digest"]:
            return file
    raise UsageError(
        f"{file}: is there already, and is another flow; choose another folder with -o"
    )


def _digest(file: Path) -> str | None:
    try:
        return parse(file.read_text(encoding="utf-8"), str(file)).digest
    except ValueError:
        return None


def _case(
    run: dict[str, Json], asked: dict[str, Json], history: list[dict[str, Json]]
) -> dict[str, Json]:
    path = [each["task"] for each in history if each["kind"] == "task.started"]
    emitted = [each["detail"] for each in history if each["kind"] == "event.emitted"]
    end = {"error": run["error"]} if run["status"] == "faulted" else {"output": run["output"]}
    ended = _ended(history)
    heard = list(_heard(asked["heard"], history))
    ran = [
        {"task": each["task"], **dict(_given(each, ended.get(each["instance"])))}
        for each in asked["tasks"]
        if each["tool"] == _WORKFLOW
    ]
    ran += _decided(run["id"], asked["heard"], history)
    return {
        "name": f"run {run['id']}",
        "input": run["input"],
        "run": run["id"],
        "started": history[0]["at"],
        **({"events": heard} if heard else {}),
        **({"answers": ran} if ran else {}),
        "expect": {
            **end,
            "events": [{"type": each["type"]} for each in emitted],
            "path": labels(path),
        },
    }


def _answers(
    case: dict[str, Json], tasks: list[dict[str, Json]], history: list[dict[str, Json]]
) -> list[dict[str, Json]]:
    """Return what tools answered, with the time until the run went on from it."""
    taping, ended = Taping(Tape()), _ended(history)
    for task in tasks:
        if task["tool"] == _WORKFLOW:
            continue
        major = task["version"].split(".", 1)[0]
        asked = Asked(f"{task['tool']}:{major}", rendered(task["input"]), task["task"])
        taping.add(asked, case["name"], dict(_given(task, ended.get(task["instance"]))))
    return taping.entries()


def _ended(history: list[dict[str, Json]]) -> dict[str, str]:
    """Return when the run went on from each task."""
    return {each["instance"]: each["at"] for each in history if each["kind"] in _ENDS}


def _heard(
    events: list[dict[str, Json]], history: list[dict[str, Json]]
) -> Iterator[dict[str, Json]]:
    """Yield the events that the run consumed, and when each came, as a case sends them."""
    consumed = [each["detail"] for each in history if each["kind"] == "event.heard"]
    wanted = {(each["source"], each["id"]) for each in consumed}
    for each in sorted(events, key=lambda each: str(each["at"])):
        if each["event"]["source"] == SOURCE:
            continue  # a person's answer: nobody can send it
        if (key := (each["event"]["source"], each["event"]["id"])) in wanted:
            wanted.remove(key)
            after = max(_time(each["at"]) - _time(history[0]["at"]), timedelta())
            yield {"at": isodate.duration_isoformat(after), "event": each["event"]}


def _decided(
    run: str, events: list[dict[str, Json]], history: list[dict[str, Json]]
) -> Iterator[dict[str, Json]]:
    """Yield what people answered to the tasks that asked them, in the order of the asking."""
    answers = {each["event"]["id"]: each for each in events if each["event"]["source"] == SOURCE}
    for line in history:
        if line["kind"] != "task.listening" or "approval" not in line["detail"]:
            continue
        found = answers.get(approval_id(run, line["instance"]))
        given: dict[str, Json] = {"never": True}
        if found is not None:
            data = found["event"]["data"]
            took = isodate.duration_isoformat(_time(found["at"]) - _time(line["at"]))
            by = {"by": data["by"]} if data["by"] else {}
            given = {"output": data["answer"], **by, "takes": took}
        yield {"task": line["task"], **given}


def _given(task: dict[str, Json], ended: str | None) -> Iterator[tuple[str, Json]]:
    if task["outcome"] is None or ended is None:
        yield "never", True
        return
    yield from task["outcome"].items()
    took = _time(ended) - _time(task["requestedAt"])
    if took > timedelta():
        yield "takes", isodate.duration_isoformat(took)


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
