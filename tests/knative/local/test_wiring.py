"""Claims about resolving resources for the local broker."""

from __future__ import annotations

import pytest

from knative.delivery import BROKER_DEFAULT, BackoffPolicy
from knative.local import addresses, wiring
from knative.render import render
from knative.resources import load

BROKER = """\
apiVersion: eventing.knative.dev/v1
kind: Broker
metadata: {name: default}
spec:
  delivery: {retry: 4, deadLetterSink: {uri: "http://dead.example/"}}
---
"""
TRIGGER = """\
apiVersion: eventing.knative.dev/v1
kind: Trigger
metadata: {name: mine}
spec:
  subscriber: {uri: "http://somebody.example/path"}
"""
SERVICE_REF = '{ref: {apiVersion: serving.knative.dev/v1, kind: Service, name: llm}, uri: "/a?b=c"}'


def test_shipped_set_is_wired() -> None:
    """Every Trigger that ships goes to a service here and dies into `dead-letter`."""
    resources = load(render())
    triggers = wiring.triggers(resources)
    assert wiring.brokers(resources) == ["default/default"]
    assert {t.name for t in triggers} >= {"door"}
    sink = addresses.ServiceAddress("dead-letter", "/")
    for trigger in triggers:
        assert isinstance(addresses.resolve(trigger.subscriber), addresses.ServiceAddress)
        assert trigger.delivery.dead_letter_sink is not None
        assert addresses.resolve(trigger.delivery.dead_letter_sink) == sink


def test_delivery_of_the_broker() -> None:
    """A Trigger without delivery takes its Broker's."""
    (trigger,) = wiring.triggers(load(BROKER + TRIGGER))
    assert (trigger.delivery.retry, trigger.delivery.dead_letter_sink) == (
        4,
        "http://dead.example/",
    )
    assert trigger.subscriber == "http://somebody.example/path"


def test_delivery_is_not_merged() -> None:
    """A Trigger's delivery replaces its Broker's whole."""
    own = "  delivery: {backoffPolicy: linear, backoffDelay: PT2S, timeout: PT1M}\n"
    (trigger,) = wiring.triggers(load(BROKER + TRIGGER + own))
    delivery = trigger.delivery
    assert (delivery.retry, delivery.dead_letter_sink) == (0, None)
    assert delivery.backoff_policy is BackoffPolicy.LINEAR
    assert (delivery.backoff_delay, delivery.timeout) == (2.0, 60.0)


def test_default_delivery() -> None:
    """Where neither says anything, Knative's default holds."""
    text = BROKER.split("spec:", maxsplit=1)[0] + "---\n" + TRIGGER
    (trigger,) = wiring.triggers(load(text))
    assert trigger.delivery == BROKER_DEFAULT


def test_service_with_a_path() -> None:
    """A relative uri is a path of the object it stands beside."""
    text = TRIGGER.replace('{uri: "http://somebody.example/path"}', SERVICE_REF)
    (trigger,) = wiring.triggers(load(BROKER + text))
    assert addresses.resolve(trigger.subscriber) == addresses.ServiceAddress("llm", "/a?b=c")


@pytest.mark.parametrize(
    ("right", "wrong", "error", "message"),
    [
        (
            "spec:\n  sub",
            "spec:\n  broker: other\n  sub",
            wiring.WiringError,
            "no broker default/o",
        ),
        (
            '{uri: "http://somebody.example/path"}',
            "{ref: {apiVersion: v1, kind: Service, name: a}}",
            addresses.AddressError,
            r"a Service \(v1\) has no address",
        ),
    ],
)
def test_wrong_trigger(right: str, wrong: str, error: type[Exception], message: str) -> None:
    """A Trigger of an unknown broker or subscriber kind is refused by name."""
    with pytest.raises(error, match=message):
        wiring.triggers(load(BROKER + TRIGGER.replace(right, wrong)))


def test_reserved_namespace() -> None:
    """The gateway's own path cannot be a broker's namespace."""
    text = BROKER.replace("{name: default}", "{name: default, namespace: services}")
    with pytest.raises(wiring.WiringError, match="reserved"):
        wiring.brokers(load(text))


@pytest.mark.parametrize(
    ("annotations", "ordered"),
    [
        ("", False),
        (", annotations: {kafka.eventing.knative.dev/delivery.order: unordered}", False),
        (", annotations: {kafka.eventing.knative.dev/delivery.order: ordered}", True),
    ],
)
def test_order(annotations: str, ordered: bool) -> None:
    """A Trigger asks for order by the annotation that Knative's Kafka broker knows."""
    text = TRIGGER.replace("name: mine", f"name: mine{annotations}")
    (trigger,) = wiring.triggers(load(BROKER + text))
    assert trigger.ordered is ordered


def test_an_unknown_order_is_refused() -> None:
    """An order that no broker knows is named with those there are."""
    annotation = "name: mine, annotations: {kafka.eventing.knative.dev/delivery.order: strict}"
    with pytest.raises(wiring.WiringError, match="is ordered or unordered, not 'strict'"):
        wiring.triggers(load(BROKER + TRIGGER.replace("name: mine", annotation)))
