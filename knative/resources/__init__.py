"""The typed subset of Knative's resources that Tendril writes and the local runtime reads."""

from __future__ import annotations

from knative.resources.base import Resource
from knative.resources.eventing import Broker, DeliverySpec, Trigger
from knative.resources.reading import ResourceError, load
from knative.resources.serving import Service
from knative.resources.sources import PingSource, SinkBinding

__all__ = [
    "Broker",
    "DeliverySpec",
    "PingSource",
    "Resource",
    "ResourceError",
    "Service",
    "SinkBinding",
    "Trigger",
    "load",
]
