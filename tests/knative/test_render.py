"""Claims about the rendered set of resources."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from knative import toolsets
from knative.render import render
from knative.resources import ResourceError, Service, Trigger, load

if TYPE_CHECKING:
    from collections.abc import Callable

GOLDEN = Path(__file__).parent / "golden" / "render.yaml"
SERVICE = """\
apiVersion: serving.knative.dev/v1
kind: Service
metadata:
  name: {name}
  labels: {{tendril.dev/tool: {name}, tendril.dev/major: "2"}}
spec:
  template:
    metadata:
      annotations: {{tendril.dev/command: python -m {name}}}
    spec:
      timeoutSeconds: 45
      containers: [{{image: mine}}]
"""


@pytest.fixture
def make_tools(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that makes a folder of tools with these names."""

    def make(*names: str) -> Path:
        for name in names:
            (tmp_path / "mine" / name).mkdir(parents=True)
            (tmp_path / "mine" / name / "service.yaml").write_text(SERVICE.format(name=name))
        return tmp_path / "mine"

    return make


def rendered(**options: Any) -> list[dict[str, Any]]:
    """Return what is rendered, as plain values."""
    return list(yaml.safe_load_all(render(**options)))


def test_golden(make_tools: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """What is rendered for two tools is exactly the golden file, in a stable order."""
    tools = make_tools("zebra", "apple")
    monkeypatch.setattr(toolsets, "own", lambda: tools)
    text = render(namespace="trial")
    assert text == render(namespace="trial")
    assert text == GOLDEN.read_text(encoding="utf-8"), "run tests/knative/golden/update.py"


def test_render_is_read_back() -> None:
    """Everything rendered passes our own strict models, and no resource is there twice."""
    resources = load(render())
    names = [(resource.kind, resource.name) for resource in resources]
    assert len(names) == len(set(names))
    assert {"Broker", "Trigger", "Service", "SinkBinding", "PingSource"} == {k for k, _ in names}


def test_every_delivery_is_complete() -> None:
    """Broker and Triggers name every field of delivery that a plain cluster takes."""
    fields = {"deadLetterSink", "retry", "backoffPolicy", "backoffDelay", "timeout"}
    for document in rendered():
        if document["kind"] in {"Broker", "Trigger"}:
            assert set(document["spec"]["delivery"]) == fields, document["metadata"]


def test_delivery_outlasts_the_service() -> None:
    """Every Trigger's delivery timeout is longer than its service's `timeoutSeconds`."""
    resources = load(render())
    services = {r.name: r for r in resources if isinstance(r, Service)}
    for trigger in (r for r in resources if isinstance(r, Trigger)):
        assert trigger.spec.subscriber.ref is not None
        assert trigger.spec.delivery is not None
        assert trigger.spec.delivery.timeout is not None
        service = services[trigger.spec.subscriber.ref.name]
        assert trigger.spec.delivery.timeout.total_seconds() > service.revision.timeout_seconds


def test_own_tool_gets_a_trigger(make_tools: Callable[..., Path]) -> None:
    """A tool in a user's folder is rendered with its Trigger, and nothing else is edited."""
    before, after = rendered(), rendered(tools=[make_tools("mine")])
    new = [document for document in after if document not in before]
    assert [(d["kind"], d["metadata"]["name"]) for d in new] == [
        ("Service", "mine"),
        ("Trigger", "tool-mine-v2"),
    ]
    assert new[1]["spec"]["filter"]["attributes"] == {
        "type": "dev.tendril.task.requested.v1",
        "tool": "mine",
        "major": "2",
    }
    assert new[1]["spec"]["delivery"]["timeout"] == "PT75S"


def test_namespace_is_written_everywhere() -> None:
    """With a namespace, every resource is in it."""
    assert {d["metadata"]["namespace"] for d in rendered(namespace="prod")} == {"prod"}


def test_own_manifests(tmp_path: Path) -> None:
    """A user's own Trigger is part of the set."""
    (tmp_path / "mine.yaml").write_text(
        "{apiVersion: eventing.knative.dev/v1, kind: Trigger, metadata: {name: mine},"
        " spec: {subscriber: {uri: 'http://example.com/'}}}"
    )
    names = {document["metadata"]["name"] for document in rendered(manifests=[tmp_path])}
    assert "mine" in names


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("flow",), "both define the service 'flow'; rename one"),
        ((), "does not exist; correct TENDRIL_TOOLS"),
    ],
)
def test_wrong_folder(
    make_tools: Callable[..., Path], names: tuple[str, ...], message: str
) -> None:
    """A folder that cannot be used is named with what to do."""
    with pytest.raises(toolsets.ToolsetError, match=message):
        render(tools=[make_tools(*names)])


def test_tool_instead_of_its_parent(make_tools: Callable[..., Path]) -> None:
    """Naming a tool's own folder says that its parent is wanted."""
    with pytest.raises(toolsets.ToolsetError, match="is a tool; put its parent"):
        render(tools=[make_tools("mine") / "mine"])


def test_broken_service_is_located(make_tools: Callable[..., Path]) -> None:
    """A wrong field in a user's service.yaml is named with file, line and column."""
    tools = make_tools("mine")
    file = tools / "mine" / "service.yaml"
    file.write_text(file.read_text().replace("timeoutSeconds", "timeoutSecond"))
    with pytest.raises(ResourceError, match=r"mine/service\.yaml:11:7: unknown field"):
        render(tools=[tools])
