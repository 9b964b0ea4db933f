"""Claims about reading Knative resources."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knative.resources import ResourceError, Service, Trigger, load

if TYPE_CHECKING:
    from pathlib import Path

SERVICE = """\
apiVersion: serving.knative.dev/v1
kind: Service
metadata:
  name: llm
  labels: {tendril.dev/tool: llm, tendril.dev/major: "1"}
spec:
  template:
    metadata:
      annotations:
        autoscaling.knative.dev/min-scale: "0"
        autoscaling.knative.dev/window: 1m30s
        tendril.dev/command: python -m functions.host "functions.llm.app:app"
        tendril.dev/preload: functions.host.serve
        example.com/owner: someone
    spec:
      containerConcurrency: 16
      timeoutSeconds: 120
      containers:
        - image: tendril-functions
          env: [{name: TENDRIL_LLM_MODEL, value: small}]
          readinessProbe: {httpGet: {path: /health/ready}}
"""
TRIGGER = """\
apiVersion: eventing.knative.dev/v1
kind: Trigger
metadata: {name: door}
spec:
  filters:
    - not: {prefix: {type: dev.tendril.}}
  subscriber: {ref: {apiVersion: serving.knative.dev/v1, kind: Service, name: flow}}
  delivery: {retry: 3, backoffPolicy: exponential, backoffDelay: PT0.2S}
"""


def test_service() -> None:
    """A service's annotations, probe and environment arrive typed, the manifest as written."""
    (service,) = load(SERVICE)
    assert isinstance(service, Service)
    assert service.annotations.command == (
        "python", "-m", "functions.host", "functions.llm.app:app",
    )  # fmt: skip
    assert service.annotations.min_scale == 0
    assert service.annotations.window == 90.0
    assert service.annotations.other == {"example.com/owner": "someone"}
    assert service.environment() == {"TENDRIL_LLM_MODEL": "small"}
    assert service.container.readiness_probe is not None
    assert service.manifest["spec"]["template"]["spec"]["timeoutSeconds"] == 120


def test_trigger_keeps_filters_as_given() -> None:
    """Filters stay plain values, durations become timedeltas, the namespace is `default`."""
    _, trigger = load(f"{SERVICE}---\n{TRIGGER}")
    assert isinstance(trigger, Trigger)
    assert trigger.spec.filters == ({"not": {"prefix": {"type": "dev.tendril."}}},)
    assert trigger.spec.delivery is not None
    assert trigger.spec.delivery.backoff_delay == timedelta(seconds=0.2)
    assert trigger.namespace == "default"


@pytest.mark.parametrize(
    ("right", "wrong", "message"),
    [
        ("min-scale", "min-scal", "10:9: unknown field 'autoscaling.knative.dev/min-scal'; did "),
        ('"0"', "0", "10:9: spec.template.metadata.annotations.autoscaling.knative.dev/min-scale"),
        ("containerConcurrency", "concurrency", "16:7: unknown field 'concurrency'"),
        ("timeoutSeconds: 120", "timeoutSeconds: '120'", "17:7: spec.template.spec.timeoutSec"),
        ("- image", "- imag", "unknown field 'imag'; did you mean 'image'?"),
        ("1m30s", "soon", "expected a duration such as 60s or 1m30s, found 'soon'"),
        ("name: llm\n", "name: LLM_\n", "metadata.name: String should match pattern"),
        ("kind: Service", "kind: Servic", "2:1: unknown resource Servic"),
        ("v1\n", "v2\n", "supported are Service (serving.knative.dev/v1)"),
    ],
)
def test_wrong_service(right: str, wrong: str, message: str) -> None:
    """What is wrong in a service is named with its line and column, near misses with a hint."""
    with pytest.raises(ResourceError) as caught:
        load(SERVICE.replace(right, wrong, 1))
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("right", "wrong", "message"),
    [
        ("not:", "nott:", "6:7: unknown field 'nott'; did you mean 'not'?"),
        ("retry: 3", "retry: -1", "8:14: spec.delivery.retry: Input should be greater than"),
        ("PT0.2S", "0.2s", "8:52: spec.delivery.backoffDelay: expected an ISO 8601 duration"),
        ("PT0.2S", "P99999999999D", "8:52: spec.delivery.backoffDelay: 'P99999999999D' is longer"),
        ("exponential", "cubic", "8:24: spec.delivery.backoffPolicy: Input should be 'linear'"),
        ("{ref:", "{target:", "unknown field 'target'; known are ref, uri"),
        (
            "- not: {prefix: {type: dev.tendril.}}",
            "- not: {cesql: 'type LIKE %'}",
            "6:13: spec.filters[0].not.cesql: line 1, column 11: unexpected '%'; expected a text",
        ),
        ("- not:", "- exact: {type: a}\n      not:", "expected exactly one of exact, prefix"),
    ],
)
def test_wrong_trigger(right: str, wrong: str, message: str) -> None:
    """What is wrong in a trigger is named with its line and column."""
    with pytest.raises(ResourceError) as caught:
        load(TRIGGER.replace(right, wrong, 1))
    assert message in str(caught.value)


def test_file_is_named(tmp_path: Path) -> None:
    """An error in a file names the file; malformed YAML is the same kind of error."""
    file = tmp_path / "service.yaml"
    file.write_text("kind: [", encoding="utf-8")
    with pytest.raises(ResourceError, match=r"service.yaml:1:"):
        load(file)


@given(st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=400)))
def test_duration_round_trip(delay: timedelta) -> None:
    """Every duration to the microsecond is read as the duration it says."""
    text = f"P{delay.days}DT{delay.seconds + delay.microseconds / 1e6:.6f}S"
    (trigger,) = load(TRIGGER.replace("PT0.2S", text))
    assert isinstance(trigger, Trigger)
    assert trigger.spec.delivery is not None
    assert trigger.spec.delivery.backoff_delay == delay
