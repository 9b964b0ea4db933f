"""PingSource and SinkBinding: events by the clock, and where a service sends its own."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, model_validator

from knative.resources.base import Destination, Labels, Metadata, Name, Part, Resource


class Overrides(Part):
    """Extension attributes that a source sets on every event."""

    extensions: Labels = Field(default_factory=dict)


class PingSourceSpec(Part):
    """A cron schedule (five fields, or @every-style names), its time zone, data and sink."""

    schedule: str = "* * * * *"
    timezone: str = "UTC"
    content_type: str | None = None
    data: str | None = None
    data_base64: str | None = None
    sink: Destination
    ce_overrides: Overrides | None = None

    @model_validator(mode="after")
    def _one_data(self) -> PingSourceSpec:
        if self.data is not None and self.data_base64 is not None:
            raise ValueError("expected at most one of `data` and `dataBase64`")
        return self


class PingSource(Resource):
    """`sources.knative.dev/v1` PingSource."""

    API_VERSION: ClassVar = "sources.knative.dev/v1"
    kind: Literal["PingSource"]
    metadata: Metadata
    spec: PingSourceSpec


class Expression(Part):
    """One requirement of a label selector."""

    key: str
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"]
    values: tuple[str, ...] = ()


class Selector(Part):
    """A Kubernetes label selector."""

    match_labels: Labels = Field(default_factory=dict)
    match_expressions: tuple[Expression, ...] = ()


class Subject(Part):
    """The workloads a binding is about, by name or by labels."""

    api_version: str
    kind: str
    name: Name | None = None
    namespace: Name | None = None
    selector: Selector | None = None


class SinkBindingSpec(Part):
    """Puts the sink's URL into the subject's environment as K_SINK."""

    subject: Subject
    sink: Destination
    ce_overrides: Overrides | None = None


class SinkBinding(Resource):
    """`sources.knative.dev/v1` SinkBinding."""

    API_VERSION: ClassVar = "sources.knative.dev/v1"
    kind: Literal["SinkBinding"]
    metadata: Metadata
    spec: SinkBindingSpec
