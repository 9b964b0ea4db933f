"""Containers of flows as Jobs: a JobSink for each, and the service that hands tasks to them.

The service's own Trigger stays the only one: it sends each task's event on to the JobSink of its
container, so the Triggers that a broker has do not grow with the flows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from events.flow.expressions import is_expression
from events.flow.jobs import FIXED, job_sink, unfit
from events.flow.rules.visit import finding, tasks_of
from events.flow.syntax.run import RunTask
from events.flow.timetable import seconds
from events.source import read_all
from knative import toolsets

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from events.flow.finding import Finding
    from events.flow.parse import Parsed
    from events.flow.syntax.run import Container

TOOL: Final = "container"
ADDRESS: Final = "http://job-sink.knative-eventing.svc/{namespace}/{{name}}"
"""Where JobSinks take events, whatever the cluster's domain is."""
IMAGE: Final = "tendril.dev/image"
_PULL: Final = {"ifNotPresent": "IfNotPresent", "always": "Always", "never": "Never"}


@dataclass(frozen=True, slots=True)
class Candidate:
    """A container of a flow, and why it cannot be a Job: None where it can."""

    container: Container
    wrong: Finding | None


def containers(parsed: Parsed) -> Iterator[Candidate]:
    """Yield the containers that a flow runs."""
    for visit in tasks_of(parsed.flow):
        if isinstance(visit.task, RunTask) and (one := visit.task.run.container) is not None:
            place, reason = visit.place("run", "container"), _unfit(one)
            wrong = finding(parsed, (place, f"{place}: {reason}")) if reason else None
            yield Candidate(one, wrong)


def with_jobs(
    documents: Iterable[dict[str, Any]], wanted: Iterable[Container], namespace: str
) -> list[dict[str, Any]]:
    """Return resources and what containers need beside them, the tool told of its JobSinks."""
    return [*(_addressed(document, namespace) for document in documents), *needed(wanted)]


def needed(wanted: Iterable[Container]) -> list[dict[str, Any]]:
    """Return the resources that containers need: a JobSink for each kind, and what all share."""
    template, *shared = _template()
    sinks = {job_sink(one.definition()): one for one in wanted}
    return [*(_sink(template, name, one) for name, one in sorted(sinks.items())), *shared]


def _addressed(service: dict[str, Any], namespace: str) -> dict[str, Any]:
    if service["kind"] != "Service" or service["metadata"]["name"] != TOOL:
        return service
    variable = {"name": "TENDRIL_CONTAINER_JOBS", "value": ADDRESS.format(namespace=namespace)}
    spec = service["spec"]["template"]["spec"]
    [container] = spec["containers"]
    given = {**container, "env": [*container.get("env", ()), variable]}
    template = {**service["spec"]["template"], "spec": {**spec, "containers": [given]}}
    return {**service, "spec": {**service["spec"], "template": template}}


def _template() -> list[dict[str, Any]]:
    file = toolsets.own() / TOOL / "job.yaml"
    return [document.value for document in read_all(file.read_text("utf-8"), str(file))]


def _unfit(container: Container) -> str | None:
    given = container.definition()
    for name in FIXED:
        if _evaluated(given.get(name)):
            return f"a Job is laid down before the task begins, so '{name}' takes no expression"
    return unfit(given)


def _evaluated(value: Any) -> bool:
    if isinstance(value, dict):
        return any(_evaluated(each) for each in value.values())
    return is_expression(value)


def _sink(template: dict[str, Any], name: str, container: Container) -> dict[str, Any]:
    metadata = {**template["metadata"], "name": name, "annotations": {IMAGE: container.image}}
    job = template["spec"]["job"]
    pod = job["spec"]["template"]["spec"]
    *others, program = pod["containers"]
    volumes, mounts = _mounted(container)
    program = {
        **program,
        "image": container.image,
        "imagePullPolicy": _PULL[container.pull_policy or "ifNotPresent"],
        "volumeMounts": [*program["volumeMounts"], *mounts],
    }
    pod = {**pod, "volumes": [*pod["volumes"], *volumes], "containers": [*others, program]}
    spec = {**job["spec"], "template": {**job["spec"]["template"], "spec": pod}, **_life(container)}
    return {**template, "metadata": metadata, "spec": {"job": {**job, "spec": spec}}}


def _mounted(container: Container) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    volumes, mounts = [], []
    for number, (claim, inside) in enumerate((container.volumes or {}).items()):
        path, _, mode = inside.partition(":")
        read_only = {"readOnly": True} if mode == "ro" else {}
        name = f"claim-{number}"
        mounts.append({"name": name, "mountPath": path, **read_only})
        volumes.append({"name": name, "persistentVolumeClaim": {"claimName": claim}})
    return volumes, mounts


def _life(container: Container) -> dict[str, int]:
    """Return when the Job is removed, in seconds after its end; a `never` says nothing."""
    lifetime = container.lifetime
    if lifetime is None or lifetime.cleanup == "never":
        return {}
    after = 0.0 if lifetime.after is None else seconds(lifetime.after)
    return {"ttlSecondsAfterFinished": int(after)}
