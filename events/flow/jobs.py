"""Containers as Jobs of a cluster: which JobSink stands for one, and which none can stand for.

A Job's pod is laid down before a task begins, so what the cluster has to know of it is fixed then:
the image, when that is pulled, what is mounted, when the Job is removed. Containers in which these
are the same share a JobSink; the rest (command, arguments, environment, stdin) each brings along.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from events.vocabulary import digest

if TYPE_CHECKING:
    from collections.abc import Mapping

FIXED: Final = ("image", "pullPolicy", "volumes", "lifetime")
_CLAIM: Final = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")
_MOUNTED: Final = re.compile(r"/[^:]*(:(ro|rw))?")


def job_sink(container: Mapping[str, Any]) -> str:
    """Return the name of the JobSink of a container, given as the DSL writes it."""
    fixed = {name: container[name] for name in FIXED if container.get(name) is not None}
    return f"container-{digest(fixed)[:16]}"


def unfit(container: Mapping[str, Any]) -> str | None:
    """Return why a container cannot be a Job, None where it can.

    Where the specification leaves room: a volume's name is that of a PersistentVolumeClaim. What
    an image starts stands in its registry, which nobody in the pod can read, so `command` says it.
    """
    if not container.get("command"):
        return (
            "a Job cannot tell what the image starts; say it with 'command', for instance "
            "'exec /the/program \"$@\"'"
        )
    if container.get("ports"):
        return "a Job publishes no 'ports'; what others call is a Knative Service of its own"
    for name, inside in (container.get("volumes") or {}).items():
        if not _CLAIM.fullmatch(name):
            return f"'volumes': '{name}' is no name of a PersistentVolumeClaim, which a Job mounts"
        if not _MOUNTED.fullmatch(inside):
            return f"'volumes': '{inside}' is no path in the container, such as /data or /data:ro"
    return None
