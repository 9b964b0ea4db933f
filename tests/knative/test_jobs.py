"""Claims about the JobSinks that are rendered for flows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from events.flow.parse import parse
from knative.jobs import containers, needed
from knative.render import render

GOLDEN = Path(__file__).parent / "golden" / "jobs.yaml"
FLOW = """
document: {dsl: '1.0.3', namespace: test, name: jobs, version: '1.0.0'}
use:
  functions:
    own: {run: {container: {image: example/own, command: 'echo own'}}}
do:
  - one: {run: {container: {image: example/one, command: 'echo 1', arguments: ['${ .a }']}}}
  - twice: {run: {container: {image: example/one, command: 'echo 2', stdin: '${ .b }'}}}
  - kept:
      run:
        container:
          image: example/one
          command: echo 3
          pullPolicy: always
          volumes: {data: '/data:ro', out: /out}
          lifetime: {cleanup: eventually, after: {minutes: 5}}
  - gone: {run: {container: {image: a, command: b, lifetime: {cleanup: always}}}}
  - evaluated: {run: {container: {image: '${ .image }', command: echo}}}
  - mounted: {run: {container: {image: a, command: b, volumes: {data: '${ .at }'}}}}
  - silent: {run: {container: {image: example/one}}}
"""


def rendered() -> list[dict[str, Any]]:
    wanted = [each.container for each in containers(parse(FLOW)) if each.wrong is None]
    return list(yaml.safe_load_all(render(namespace="prod", containers=wanted)))


def golden() -> str:
    """Return what one container adds, as YAML."""
    kept = next(each.container for each in containers(parse(FLOW)) if each.container.volumes)
    return yaml.safe_dump_all(needed([kept]))


def sinks() -> list[dict[str, Any]]:
    return [each for each in rendered() if each["kind"] == "JobSink"]


def pod(sink: dict[str, Any]) -> dict[str, Any]:
    return dict(sink["spec"]["job"]["spec"]["template"]["spec"])


def test_golden() -> None:
    """What is added for a container is exactly the golden file."""
    assert golden() == GOLDEN.read_text("utf-8"), "run tests/knative/golden/update.py"


def test_a_jobsink_stands_for_all_that_are_laid_down_alike() -> None:
    """Functions of the flow included, what differs in what it brings along needs no second one."""
    found = [
        (pod(each)["containers"][1]["image"], each["metadata"]["annotations"]) for each in sinks()
    ]
    images = ["a", "example/one", "example/one", "example/own"]
    assert sorted(image for image, _ in found) == images
    assert all(note == {"tendril.dev/image": image} for image, note in found)


def test_what_can_be_no_job_is_told_with_its_place() -> None:
    """Line and column, what it is, and what to do."""
    wrong = [str(each.wrong) for each in containers(parse(FLOW, "f.yaml")) if each.wrong]
    laid = "a Job is laid down before the task begins, so"
    assert [line.partition(": a Job cannot")[0] for line in wrong] == [
        f"f.yaml:18:23: 'run.container' of task 'evaluated': {laid} 'image' takes no expression",
        f"f.yaml:19:21: 'run.container' of task 'mounted': {laid} 'volumes' takes no expression",
        "f.yaml:20:20: 'run.container' of task 'silent'",
    ]


def test_only_the_host_has_what_is_ours() -> None:
    """The flow's container has none of our settings, no token, and no way to the host."""
    for each in map(pod, sinks()):
        host, program = each["containers"]
        assert "env" not in program
        assert {"name": "ask", "mountPath": "/tendril/ask", "readOnly": True} in (
            program["volumeMounts"]
        )
        assert {"name": "said", "mountPath": "/tendril/said", "readOnly": True} in (
            host["volumeMounts"]
        )
        assert (each["automountServiceAccountToken"], each.get("shareProcessNamespace")) == (
            False, None,
        )  # fmt: skip
        assert not any(
            container["securityContext"]["allowPrivilegeEscalation"]
            for container in (*each["initContainers"], host, program)
        )


def test_the_tool_is_told_and_no_trigger_is_added() -> None:
    """Its service knows where JobSinks are; who hears what stays as it was."""
    before = list(yaml.safe_load_all(render(namespace="prod")))
    triggers = [
        [each for each in some if each["kind"] == "Trigger"] for some in (before, rendered())
    ]
    assert triggers[0] == triggers[1]
    [tool] = [
        each for each in rendered()
        if each["kind"] == "Service" and each["metadata"]["name"] == "container"
    ]  # fmt: skip
    assert tool["spec"]["template"]["spec"]["containers"][0]["env"] == [
        {
            "name": "TENDRIL_CONTAINER_JOBS",
            "value": "http://job-sink.knative-eventing.svc/prod/{name}",
        }
    ]
