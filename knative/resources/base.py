"""What every resource has: strict parts, metadata, destinations and durations."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any, ClassVar, Final

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    StringConstraints,
    model_validator,
)
from pydantic.alias_generators import to_camel

DEFAULT_NAMESPACE: Final = "default"
# the part of ISO 8601 that Knative's parser takes and that has one length in seconds
_DURATION: Final = re.compile(
    r"P(?!$)(?:(?P<days>\d+)D)?"
    r"(?:T(?=\d)(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?"
)


def _duration(value: object) -> timedelta:
    found = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError(f"expected an ISO 8601 duration such as PT0.2S, found {value!r}")
    parts = {unit: float(number) for unit, number in found.groupdict().items() if number}
    try:
        return timedelta(**parts)
    except OverflowError as error:
        raise ValueError(f"{value!r} is longer than any duration can be") from error


Duration = Annotated[timedelta, BeforeValidator(_duration)]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", max_length=63)]
Labels = dict[str, str]


class Part(BaseModel):
    """A piece of a resource: immutable, camelCase in YAML, no unknown fields."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        alias_generator=to_camel,
        populate_by_name=True,
    )


class Metadata(Part):
    """The part of Kubernetes' ObjectMeta that people write."""

    name: Name
    namespace: Name | None = None
    labels: Labels = Field(default_factory=dict)
    annotations: Labels = Field(default_factory=dict)


class Resource(Part):
    """A resource as read: `manifest` keeps it exactly as it was written, for rendering."""

    API_VERSION: ClassVar[str]
    api_version: str
    kind: str
    metadata: Metadata
    _manifest: dict[str, Any] = PrivateAttr(default_factory=dict)

    @property
    def name(self) -> str:
        """The resource's name."""
        return self.metadata.name

    @property
    def namespace(self) -> str:
        """The namespace it stands in; one that names none lands in `default`."""
        return self.metadata.namespace or DEFAULT_NAMESPACE

    @property
    def manifest(self) -> dict[str, Any]:
        """The plain values as they were written."""
        return self._manifest


class Reference(Part):
    """An object in the cluster that has an address."""

    api_version: str
    kind: str
    name: Name
    namespace: Name | None = None


class Destination(Part):
    """Where events go: an object, a URI, or a path relative to the object's address."""

    ref: Reference | None = None
    uri: str | None = None

    @model_validator(mode="after")
    def _one_place(self) -> Destination:
        if self.ref is None and self.uri is None:
            raise ValueError("expected `ref` or `uri`")
        if self.ref is None and "://" not in str(self.uri):
            raise ValueError("expected an absolute `uri` where there is no `ref`")
        return self
