"""Claims about when a service's process starts, stays and goes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from knative.local.scale import LONGEST_BACKOFF, Scale, backoff
from knative.resources import Service, load

SERVICE = """\
apiVersion: serving.knative.dev/v1
kind: Service
metadata: {{name: a}}
spec:
  template:
    metadata: {{annotations: {{{annotations}}}}}
    spec: {{containers: [{{image: a}}]}}
"""
KEY = "autoscaling.knative.dev/"


def scale(annotations: str = "") -> Scale:
    """Return the scale of a service with these annotations."""
    (service,) = load(SERVICE.format(annotations=annotations))
    assert isinstance(service, Service)
    return Scale.of(service)


def test_defaults() -> None:
    """Without annotations: to zero after 60 s without requests and 30 s of grace."""
    assert scale().idle_left(0.0) == 90.0
    assert scale().idle_left(89.0) == 1.0
    assert scale().idle_left(1000.0) == 0.0


def test_annotations() -> None:
    """`window` and the retention period change it, a minimum scale forbids it."""
    assert scale(f'{KEY}window: "6s"').idle_left(0.0) == 36.0
    assert scale(f'{KEY}scale-to-zero-pod-retention-period: "1m"').idle_left(0.0) == 120.0
    assert scale(f'{KEY}min-scale: "1"').idle_left(1e9) is None


@given(st.integers(0, 10_000))
def test_backoff_grows_to_a_limit(failures: int) -> None:
    """The first start waits for nothing, later ones never less than before, none over 10 s."""
    assert backoff(0) == 0.0
    assert backoff(failures) <= backoff(failures + 1) <= LONGEST_BACKOFF
