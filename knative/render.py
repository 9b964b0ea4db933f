"""The complete set of resources as Knative YAML: what `kubectl apply` and the local runtime take.

The manifests that ship with Tendril, every service's `service.yaml`, and a Trigger for each
tool and major version, so that adding a tool edits nothing else.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml

from knative import toolsets
from knative.resources import Resource, Service, load

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from events.flow.syntax.run import Container
    from knative.toolsets import Deployment

MANIFESTS: Final = Path(__file__).parent / "manifests"
PART_OF: Final = {"app.kubernetes.io/part-of": "tendril"}
TOOL: Final = "tendril.dev/tool"
MAJOR: Final = "tendril.dev/major"
REQUESTED: Final = "dev.tendril.task.requested.v1"
ORDER: Final = ("Broker", "Service", "JobSink", "Trigger", "SinkBinding", "PingSource")
MARGIN: Final = 30
"""Seconds a delivery may take beyond its service's `timeoutSeconds`."""


def render(
    tools: Sequence[Path] = (),
    manifests: Sequence[Path] = (),
    namespace: str | None = None,
    containers: Sequence[Container] = (),
) -> str:
    """Return all resources as one YAML stream, sorted by kind and name.

    `tools` are the user's folders of tools, `manifests` files or folders of further resources;
    `namespace` is written into each resource that names none. `containers` of flows are to be
    Jobs, which takes a namespace. Raises ToolsetError or ResourceError.
    """
    documents = _documents(tools, manifests)
    if containers:
        # lazy: the local runtime renders no flows, and the language is large
        from knative.jobs import with_jobs

        assert namespace is not None
        documents = with_jobs(documents, containers, namespace)
    documents = [_namespaced(document, namespace) for document in documents]
    documents.sort(key=lambda d: (ORDER.index(d["kind"]), d["metadata"]["name"]))
    return "---\n".join(_dump(document) for document in documents)


def _documents(tools: Sequence[Path], manifests: Sequence[Path]) -> list[dict[str, Any]]:
    deployments = toolsets.find(tools)
    documents = [resource.manifest for resource in _read(_files((MANIFESTS, *manifests)))]
    documents += [_labelled(deployment.service.manifest) for deployment in deployments]
    documents += [_trigger(d) for d in deployments if TOOL in d.service.metadata.labels]
    return documents


def _files(paths: Sequence[Path]) -> list[Path]:
    return [
        file
        for path in paths
        for file in (sorted(path.glob("*.yaml")) if path.is_dir() else [path])
    ]


def _read(files: Iterable[Path]) -> list[Resource]:
    resources = []
    for file in files:
        for resource in load(file):
            if isinstance(resource, Service):
                raise toolsets.ToolsetError(
                    f"{file}: the Service '{resource.name}' belongs in a folder of its own, as "
                    f"{resource.name}/service.yaml below one that TENDRIL_TOOLS names"
                )
            resources.append(resource)
    return resources


def _labelled(manifest: dict[str, Any]) -> dict[str, Any]:
    """Return the service with the label that the SinkBinding selects by."""
    metadata = manifest["metadata"]
    labels = {**metadata.get("labels", {}), **PART_OF}
    return {**manifest, "metadata": {**metadata, "labels": labels}}


def _trigger(deployment: Deployment) -> dict[str, Any]:
    """Return the Trigger that brings a tool the tasks of its major version."""
    service = deployment.service
    tool = service.metadata.labels[TOOL]
    major = service.metadata.labels.get(MAJOR, "1")
    return {
        "apiVersion": "eventing.knative.dev/v1",
        "kind": "Trigger",
        "metadata": {"name": f"tool-{tool}-v{major}", "labels": {TOOL: tool, MAJOR: major}},
        "spec": {
            "broker": "default",
            "filter": {"attributes": {"type": REQUESTED, "tool": tool, "major": major}},
            "subscriber": {"ref": _service(service.name)},
            "delivery": _delivery(service),
        },
    }


def _delivery(service: Service) -> dict[str, Any]:
    """Return every field: what a Trigger's delivery leaves out is not taken from its Broker."""
    return {
        "deadLetterSink": {"ref": _service("dead-letter")},
        "retry": 10,
        "backoffPolicy": "exponential",
        "backoffDelay": "PT0.2S",
        "timeout": f"PT{service.revision.timeout_seconds + MARGIN}S",
    }


def _service(name: str) -> dict[str, str]:
    return {"apiVersion": Service.API_VERSION, "kind": "Service", "name": name}


def _namespaced(document: dict[str, Any], namespace: str | None) -> dict[str, Any]:
    if namespace is None or "namespace" in document["metadata"]:
        return document
    return {**document, "metadata": {**document["metadata"], "namespace": namespace}}


def _dump(document: dict[str, Any]) -> str:
    return yaml.dump(document, Dumper=_Dumper, sort_keys=True, allow_unicode=True, width=100)


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as such."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style)


_Dumper.add_representer(str, _text)
