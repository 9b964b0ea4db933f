"""Broker and Trigger: who hears what, and how delivery is retried."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, GetCoreSchemaHandler, model_validator
from pydantic_core import core_schema

from knative.resources.base import Destination, Duration, Metadata, Name, Part, Resource


class DeliverySpec(Part):
    """How an event is delivered: attempts are `retry` + 1, durations are timedeltas.

    A Trigger's delivery replaces its Broker's as a whole; fields are never merged.
    """

    dead_letter_sink: Destination | None = None
    retry: Annotated[int, Field(ge=0)] | None = None
    backoff_policy: Literal["linear", "exponential"] | None = None
    backoff_delay: Duration | None = None
    timeout: Duration | None = None
    retry_after_max: Duration | None = None
    format: Literal["binary", "json"] | None = None


class ConfigReference(Part):
    """The object that configures a broker's implementation; the local runtime ignores it."""

    api_version: str
    kind: str
    name: str
    namespace: str | None = None


class BrokerSpec(Part):
    """A broker's configuration and the delivery of Triggers that name none."""

    config: ConfigReference | None = None
    delivery: DeliverySpec | None = None


class Broker(Resource):
    """`eventing.knative.dev/v1` Broker."""

    API_VERSION: ClassVar = "eventing.knative.dev/v1"
    kind: Literal["Broker"]
    metadata: Metadata
    spec: BrokerSpec = Field(default_factory=BrokerSpec)


Strings = dict[str, str]


class FilterSpec(Part):
    """One item of `filters`: exactly one dialect."""

    exact: Strings | None = None
    prefix: Strings | None = None
    suffix: Strings | None = None
    all: list[FilterSpec] | None = None
    any: list[FilterSpec] | None = None
    not_: Annotated[FilterSpec | None, Field(alias="not")] = None
    cesql: str | None = None

    @model_validator(mode="after")
    def _one_dialect(self) -> FilterSpec:
        if len(self.model_fields_set) != 1:
            raise ValueError("expected exactly one of exact, prefix, suffix, all, any, not, cesql")
        return self


class AttributesFilter(Part):
    """The older `filter`: exact values that must all match; "" means present."""

    attributes: Strings = Field(default_factory=dict)


@dataclass(frozen=True)
class AsGiven:
    """Checks a value's shape with `model` and keeps the value itself, as it was written."""

    model: type[Part]

    def __get_pydantic_core_schema__(
        self, _source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        return core_schema.no_info_wrap_validator_function(self._check, handler(self.model))

    @staticmethod
    def _check(value: Any, check: core_schema.ValidatorFunctionWrapHandler) -> Any:
        check(value)
        return value


class TriggerSpec(Part):
    """Which events of a broker go to which subscriber; filters are plain values as written."""

    broker: Name = "default"
    filter: Annotated[dict[str, Any], AsGiven(AttributesFilter)] | None = None
    filters: tuple[Annotated[dict[str, Any], AsGiven(FilterSpec)], ...] = ()
    subscriber: Destination
    delivery: DeliverySpec | None = None


class Trigger(Resource):
    """`eventing.knative.dev/v1` Trigger."""

    API_VERSION: ClassVar = "eventing.knative.dev/v1"
    kind: Literal["Trigger"]
    metadata: Metadata
    spec: TriggerSpec
