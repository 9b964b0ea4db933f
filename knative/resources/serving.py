"""Service: one tool or platform part that scales from and to zero."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, JsonValue

from knative.resources.base import Labels, Metadata, Name, Part, Resource
from knative.resources.scaling import Annotations


class Header(Part):
    """A header that a probe sends."""

    name: str
    value: str


class HttpGet(Part):
    """A probe by HTTP; its port is the container's when absent."""

    path: str = "/"
    port: int | str | None = None
    scheme: Literal["HTTP", "HTTPS"] | None = None
    host: str | None = None
    http_headers: tuple[Header, ...] = ()


class Probe(Part):
    """When a container counts as ready or alive; seconds as in Kubernetes."""

    http_get: HttpGet | None = None
    tcp_socket: dict[str, JsonValue] | None = None
    initial_delay_seconds: Annotated[int, Field(ge=0)] | None = None
    period_seconds: Annotated[int, Field(ge=0)] | None = None
    timeout_seconds: Annotated[int, Field(ge=1)] | None = None
    success_threshold: Annotated[int, Field(ge=1)] | None = None
    failure_threshold: Annotated[int, Field(ge=1)] | None = None


class EnvVar(Part):
    """One environment variable; `valueFrom` means something on a cluster only."""

    name: Annotated[str, Field(pattern=r"^[-._a-zA-Z][-._a-zA-Z0-9]*$")]
    value: str | None = None
    value_from: dict[str, JsonValue] | None = None


class Port(Part):
    """The port a container listens on; locally PORT is chosen for it."""

    container_port: Annotated[int, Field(ge=1, le=65535)] | None = None
    name: str | None = None
    protocol: Literal["TCP"] | None = None


class Quantities(Part):
    """Requests and limits by resource name (cpu, memory, nvidia.com/gpu)."""

    requests: dict[str, str | int] = Field(default_factory=dict)
    limits: dict[str, str | int] = Field(default_factory=dict)


class Container(Part):
    """The container of a revision; locally `tendril.dev/command` stands for its image."""

    name: Name | None = None
    image: str
    image_pull_policy: Literal["Always", "IfNotPresent", "Never"] | None = None
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    working_dir: str | None = None
    env: tuple[EnvVar, ...] = ()
    env_from: tuple[dict[str, JsonValue], ...] = ()
    ports: Annotated[tuple[Port, ...], Field(max_length=1)] = ()
    resources: Quantities | None = None
    readiness_probe: Probe | None = None
    liveness_probe: Probe | None = None
    startup_probe: Probe | None = None
    security_context: dict[str, JsonValue] | None = None
    volume_mounts: tuple[dict[str, JsonValue], ...] = ()


class RevisionSpec(Part):
    """How many requests at a time (0 = no limit), for how many seconds, in which container."""

    container_concurrency: Annotated[int, Field(ge=0, le=1000)] = 0
    timeout_seconds: Annotated[int, Field(ge=1)] = 300
    response_start_timeout_seconds: Annotated[int, Field(ge=1)] | None = None
    idle_timeout_seconds: Annotated[int, Field(ge=0)] | None = None
    service_account_name: str | None = None
    image_pull_secrets: tuple[dict[str, JsonValue], ...] = ()
    node_selector: Labels = Field(default_factory=dict)
    tolerations: tuple[dict[str, JsonValue], ...] = ()
    volumes: tuple[dict[str, JsonValue], ...] = ()
    containers: Annotated[tuple[Container, ...], Field(min_length=1, max_length=1)]


class RevisionMetadata(Part):
    """Labels and annotations of the revisions that a template makes."""

    name: Name | None = None
    labels: Labels = Field(default_factory=dict)
    annotations: Annotations = Field(default_factory=Annotations)


class RevisionTemplate(Part):
    """What each new revision looks like."""

    metadata: RevisionMetadata = Field(default_factory=RevisionMetadata)
    spec: RevisionSpec


class Traffic(Part):
    """One share of the traffic."""

    revision_name: str | None = None
    latest_revision: bool | None = None
    percent: Annotated[int, Field(ge=0, le=100)] | None = None
    tag: str | None = None


class ServiceSpec(Part):
    """A revision template and how traffic is split over revisions."""

    template: RevisionTemplate
    traffic: tuple[Traffic, ...] = ()


class Service(Resource):
    """`serving.knative.dev/v1` Service."""

    API_VERSION: ClassVar = "serving.knative.dev/v1"
    kind: Literal["Service"]
    metadata: Metadata
    spec: ServiceSpec

    @property
    def annotations(self) -> Annotations:
        """The revision template's annotations, typed."""
        return self.spec.template.metadata.annotations

    @property
    def revision(self) -> RevisionSpec:
        """The revision template's specification."""
        return self.spec.template.spec

    @property
    def container(self) -> Container:
        """The one container."""
        return self.revision.containers[0]

    def environment(self) -> dict[str, str]:
        """Return the literal environment variables of the container."""
        return {item.name: item.value for item in self.container.env if item.value is not None}
