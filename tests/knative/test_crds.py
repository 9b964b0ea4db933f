"""What `tendril render` prints against Knative's own definitions of its resources.

TENDRIL_CRDS names a folder with Knative's CustomResourceDefinitions, for instance the files of
`config/core/300-resources` of knative/serving and `config/core/resources` of knative/eventing.
They are another project's and not kept here.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema_rs import Draft202012Validator

from events.flow.syntax.run import Container
from knative.render import render

FOLDER = os.environ.get("TENDRIL_CRDS", "")
needs_crds = pytest.mark.skipif(
    not FOLDER, reason="TENDRIL_CRDS names no folder of Knative's CustomResourceDefinitions"
)
# what a user may write and the models take, beyond what ships
OWN = """\
apiVersion: eventing.knative.dev/v1
kind: Trigger
metadata: {name: own, annotations: {example.com/owner: me}}
spec:
  broker: default
  filter: {attributes: {type: a, subject: ""}}
  filters:
    - exact: {type: a, source: /b}
    - prefix: {type: a}
    - suffix: {type: a}
    - all: [{exact: {type: a}}, {not: {prefix: {type: b}}}]
    - any: [{exact: {type: a}}, {cesql: "type = 'a'"}]
    - cesql: "source LIKE '%b' AND EXISTS subject"
  subscriber: {ref: {apiVersion: v1, kind: Service, name: mine, namespace: other}, uri: /path}
  delivery:
    deadLetterSink: {uri: "http://dead.example/"}
    retry: 3
    backoffPolicy: linear
    backoffDelay: PT1S
    timeout: PT30S
    retryAfterMax: PT1M
    format: json
---
apiVersion: sources.knative.dev/v1
kind: PingSource
metadata: {name: own, labels: {a: b}}
spec:
  schedule: "*/5 * * * *"
  timezone: Europe/Berlin
  contentType: text/plain
  dataBase64: aGVsbG8=
  ceOverrides: {extensions: {tenant: a}}
  sink: {uri: "http://sink.example/"}
"""
KEPT = "x-kubernetes-preserve-unknown-fields"
MIXED = "x-kubernetes-int-or-string"


def strict(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a structural schema as JSON Schema that refuses what the API server refuses.

    `kubectl apply` asks for strict validation: a field that no schema names is an error.
    """
    made = dict(schema)
    if "properties" in schema:
        made["properties"] = {name: strict(inner) for name, inner in schema["properties"].items()}
    for word in ("items", "additionalProperties"):
        if isinstance(schema.get(word), dict):
            made[word] = strict(schema[word])
    if schema.get(MIXED):
        made["type"] = ["integer", "string"]
    if schema.get("nullable") and "type" in made:
        made["type"] = [made["type"], "null"]
    if "properties" in schema and "additionalProperties" not in schema and not schema.get(KEPT):
        made["additionalProperties"] = False
    return made


def of_definition(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the strict schema of a whole resource: every one has these three beside its own."""
    every = {"apiVersion": {"type": "string"}, "kind": {"type": "string"}, "metadata": METADATA}
    return strict({**schema, "properties": {**schema.get("properties", {}), **every}})


TEXTS = {"type": "object", "additionalProperties": {"type": "string"}}
METADATA = {
    "type": "object",
    "required": ["name"],
    "properties": {
        "name": {"type": "string", "maxLength": 63, "pattern": r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"},
        "namespace": {"type": "string"},
        "labels": TEXTS,
        "annotations": TEXTS,
    },
}


def definitions() -> dict[tuple[str, str], dict[str, Any]]:
    """Return the schemas by (apiVersion, kind)."""
    files = [file for suffix in ("yaml", "yml") for file in Path(FOLDER).rglob(f"*.{suffix}")]
    found = {}
    for file in files:
        for document in yaml.safe_load_all(file.read_text(encoding="utf-8")):
            if not document or document.get("kind") != "CustomResourceDefinition":
                continue
            spec = document["spec"]
            for version in spec["versions"]:
                key = (f"{spec['group']}/{version['name']}", spec["names"]["kind"])
                found[key] = of_definition(version["schema"]["openAPIV3Schema"])
    return found


def findings(document: dict[str, Any], schemas: dict[tuple[str, str], Any]) -> list[str]:
    """Return what Knative would say against one resource."""
    key = (document["apiVersion"], document["kind"])
    name = f"{document['kind']} {document['metadata']['name']}"
    assert key in schemas, f"{FOLDER} does not define {key}, which {name} is"
    validator = Draft202012Validator(schemas[key])
    return [
        f"{name}: {'/'.join(map(str, error.instance_path))}: {error.message}"
        for error in validator.iter_errors(document)
    ]


@needs_crds
def test_knative_takes_what_is_rendered(tmp_path: Path) -> None:
    """Every resource fits its definition, without one field that Knative does not know."""
    schemas = definitions()
    (tmp_path / "own.yaml").write_text(OWN)
    containers = [Container(image="a", command="b", volumes={"c": "/d"})]
    text = render(manifests=[tmp_path], namespace="prod", containers=containers)
    documents = list(yaml.safe_load_all(text))
    assert {d["kind"] for d in documents} >= {
        "Broker", "Service", "Trigger", "SinkBinding", "PingSource", "JobSink",
    }  # fmt: skip
    assert [found for d in documents for found in findings(d, schemas)] == []


@needs_crds
@pytest.mark.parametrize(
    ("kind", "path", "value"),
    [
        ("Broker", ("spec", "delivery", "retry"), "10"),
        ("Broker", ("specs",), {}),
        ("PingSource", ("spec", "timeZone"), "UTC"),
        ("Trigger", ("spec", "delivery", "deadLetterSink", "refs"), {}),
        ("Service", ("spec", "template", "spec", "timeoutSeconds"), "300"),
        ("Service", ("spec", "template", "spec", "timeoutSecond"), 300),
        ("Service", ("metadata", "labels", "a"), 1),
        ("PingSource", ("spec", "sink", "ref", "names"), "x"),
    ],
)
def test_the_check_can_fail(kind: str, path: tuple[str, ...], value: object) -> None:
    """A wrong type or an unknown field, deep inside, is found."""
    documents = list(yaml.safe_load_all(render()))
    document = next(d for d in documents if d["kind"] == kind)
    assert findings(document, definitions()) == []
    inner = document
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    assert len(findings(document, definitions())) == 1
