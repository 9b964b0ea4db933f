"""The addresses of services and brokers, written as on a cluster.

A Trigger's subscriber is a URL wherever it runs; these hosts are known to mean a service or a
broker of this platform, every other one is somebody else's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urljoin, urlsplit

from knative.resources import Broker, Service

if TYPE_CHECKING:
    from knative.resources.base import Destination

_SERVICE_SUFFIX: Final = ".svc.cluster.local"
_INGRESS: Final = "http://broker-ingress.knative-eventing.svc.cluster.local"


class AddressError(ValueError):
    """A destination that has no address on this machine."""


@dataclass(frozen=True, slots=True)
class ServiceAddress:
    """A path of one of this platform's services."""

    name: str
    path: str


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """One of this platform's brokers, as `namespace/name`."""

    name: str


Address = ServiceAddress | BrokerAddress | None


def url_of(destination: Destination, namespace: str) -> str:
    """Return a destination's URL; `namespace` is that of the resource that names it."""
    ref = destination.ref
    if ref is None:
        return str(destination.uri)
    where = ref.namespace or namespace
    if (ref.kind, ref.api_version) == ("Service", Service.API_VERSION):
        base = f"http://{ref.name}.{where}{_SERVICE_SUFFIX}/"
    elif (ref.kind, ref.api_version) == ("Broker", Broker.API_VERSION):
        base = f"{_INGRESS}/{where}/{ref.name}"
    else:
        raise AddressError(
            f"a {ref.kind} ({ref.api_version}) has no address on this machine; "
            "refer to a Service or a Broker, or give a uri"
        )
    return urljoin(base, destination.uri or "")


def resolve(url: str) -> Address:
    """Say what of this platform a URL means; None for somebody else's."""
    if url.startswith(_INGRESS + "/"):
        return BrokerAddress(url.removeprefix(_INGRESS + "/"))
    parts = urlsplit(url)
    host = parts.hostname or ""
    if not host.endswith(_SERVICE_SUFFIX):
        return None
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return ServiceAddress(host.split(".", 1)[0], path)
