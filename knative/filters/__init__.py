"""A Trigger's filters, compiled: one file per dialect.

Source: knative/eventing `pkg/apis/eventing/v1/trigger_types.go` and CloudEvents Subscriptions
API 1.0, section 3.2.4.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from knative.filters import all as all_
from knative.filters import any as any_
from knative.filters import attributes, cesql, exact, not_, prefix, suffix
from knative.filters.filter import Attributes, Compile, Filter, FilterError

__all__ = ["Attributes", "Filter", "FilterError", "compile"]

DIALECTS: Final[Mapping[str, Callable[[Any, str, Compile], Filter]]] = {
    "exact": exact.parse,
    "prefix": prefix.parse,
    "suffix": suffix.parse,
    "all": all_.parse,
    "any": any_.parse,
    "not": not_.parse,
    "cesql": cesql.parse,
}


def compile(  # noqa: A001 - `filters.compile`, as `re.compile`
    filter: Mapping[str, Any] | None = None,  # noqa: A002 - the Trigger's own field name
    filters: Sequence[Any] | None = None,
) -> Filter:
    """Compile `spec.filter` and `spec.filters`; the second, if not empty, overrides the first.

    Without either, every event passes. Raises FilterError, whose path starts at the spec.
    """
    if filters:
        return all_.parse(filters, "filters", compile_one)
    if not filter:
        return all_.All(())
    unknown = sorted(set(filter) - {"attributes"})
    if unknown:
        raise FilterError("filter", f"unknown field {unknown[0]!r}; only `attributes` is known")
    if not filter.get("attributes"):
        return all_.All(())
    return attributes.parse(filter["attributes"], "filter.attributes")


def compile_one(spec: Any, path: str) -> Filter:
    """Compile one filter expression: an object that names exactly one dialect."""
    known = ", ".join(DIALECTS)
    if not isinstance(spec, Mapping) or len(spec) != 1:
        raise FilterError(path, f"expected an object with exactly one of {known}")
    [(dialect, value)] = spec.items()
    if dialect not in DIALECTS:
        raise FilterError(path, f"unknown dialect {dialect!r}; one of {known}")
    return DIALECTS[dialect](value, f"{path}.{dialect}", compile_one)
