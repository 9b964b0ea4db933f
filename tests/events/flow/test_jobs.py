"""Claims about which JobSink a container has, and which containers have none."""

from __future__ import annotations

from typing import Any

import pytest

from events.flow.jobs import job_sink, unfit

CONTAINER = {"image": "a", "command": "echo", "lifetime": {"cleanup": "always"}}


@pytest.mark.parametrize(
    "given",
    [
        {"command": "exit 1"},
        {"arguments": ["x"], "environment": {"A": "b"}, "stdin": "c", "name": "d"},
        {"await": False, "return": "all"},
        {"volumes": None},
    ],
)
def test_what_a_task_brings_along_shares_the_jobsink(given: dict[str, Any]) -> None:
    """Command, arguments, environment, stdin, name and what is done with the end are free."""
    assert job_sink({**CONTAINER, **given}) == job_sink(CONTAINER)


@pytest.mark.parametrize(
    "given",
    [
        {"image": "b"},
        {"pullPolicy": "always"},
        {"volumes": {"data": "/data"}},
        {"lifetime": {"cleanup": "never"}},
        {"lifetime": {"cleanup": "eventually", "after": {"minutes": 5}}},
    ],
)
def test_what_the_pod_is_made_of_has_a_jobsink_of_its_own(given: dict[str, Any]) -> None:
    """Image, pull policy, volumes and life time are fixed."""
    assert job_sink({**CONTAINER, **given}) != job_sink(CONTAINER)


def test_the_name_is_short_and_stays() -> None:
    """A Job's name adds 33 letters to it, and clusters know it: it may never change."""
    assert job_sink(CONTAINER) == "container-c4679de8824089ad"


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"command": None}, "cannot tell what the image starts"),
        ({"ports": {"80": 80}}, "publishes no 'ports'"),
        ({"volumes": {"/etc": "/x"}}, "'/etc' is no name of a PersistentVolumeClaim"),
        ({"volumes": {"v": "x"}}, "'x' is no path in the container"),
        ({"volumes": {"v": "/x:rw,dev"}}, "no path in the container"),
    ],
)
def test_what_can_be_no_job_says_why(given: dict[str, Any], reason: str) -> None:
    """What the pod would have to know, or publish, or mount of its node."""
    assert unfit(CONTAINER) is None
    assert unfit({**CONTAINER, "volumes": {"a.b-1": "/x:ro"}}) is None
    assert reason in str(unfit({**CONTAINER, **given}))
