"""The functions a flow may call: the default catalog, read from the tools' function.yaml."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final, Self

import semver

from events.flow.finding import did_you_mean

DEFAULT: Final = "default"
_VERSION: Final = re.compile(r"(?:0|[1-9][0-9]*)(?:\.(?:0|[1-9][0-9]*)){0,2}")


class UnknownFunction(LookupError):  # noqa: N818 - named for what the flow's author meets
    """A call that names no function of the catalog; the message says which are near."""


@dataclass(frozen=True, slots=True)
class Function:
    """One version of a function: what it takes, what it gives, how long it may take."""

    name: str
    version: str
    input_schema: dict[str, Any]
    output_schema: dict[str, Any]
    timeout: float
    """Seconds that the handler may take."""
    summary: str

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Self:
        """Read the content of a function.yaml; raise ValueError saying what it lacks."""
        try:
            return cls(
                name=_text(document["name"]),
                version=str(semver.Version.parse(_text(document["version"]))),
                input_schema=_object(document["input"]["schema"]["document"]),
                output_schema=_object(document["output"]["schema"]["document"]),
                timeout=float(document["metadata"]["tendril"]["timeout"]),
                summary=_text(document["summary"]),
            )
        except KeyError as error:
            raise ValueError(f"a function.yaml needs the property {error}") from error
        except TypeError as error:
            raise ValueError(f"a function.yaml has the wrong shape: {error}") from error


@dataclass(frozen=True, slots=True)
class Catalog:
    """All functions that can be called here."""

    functions: tuple[Function, ...]

    def resolve(self, call: str) -> Function:
        """Return the function that `name[:version][@catalog]` names.

        A version may be shortened (`1`, `1.0`): the highest that begins so is meant, and
        without a version the highest of all. Pre-releases are only meant by their full version,
        or where there is nothing else. Raises UnknownFunction.
        """
        target, _, catalog = call.partition("@")
        name, colon, version = target.partition(":")
        if catalog not in {"", DEFAULT} or call.endswith("@"):
            raise UnknownFunction(f"there is no catalog '{catalog}'; '{DEFAULT}' is the only one")
        versions = [each for each in self.functions if each.name == name]
        if not versions:
            raise UnknownFunction(self._no_such(name))
        if not colon:
            return _highest(versions)
        return _matching(versions, name, version)

    def _no_such(self, name: str) -> str:
        known = sorted({each.name for each in self.functions})
        has = f"it has {', '.join(known)}" if known else "it is empty"
        return f"the catalog has no function '{name}'; {has}{did_you_mean(name, known)}"


def _matching(versions: list[Function], name: str, wanted: str) -> Function:
    known = ", ".join(each.version for each in sorted(versions, key=_precedence))
    exact = [each for each in versions if each.version == wanted]
    if exact:
        return exact[0]
    if not semver.Version.is_valid(wanted) and _VERSION.fullmatch(wanted) is None:
        raise UnknownFunction(f"'{wanted}' is no version of '{name}', such as 1.0.0, 1.0 or 1")
    below = [each for each in versions if each.version.startswith(f"{wanted}.")]
    if not below:
        raise UnknownFunction(f"the catalog has no version {wanted} of '{name}'; it has {known}")
    return _highest(below)


def _highest(versions: list[Function]) -> Function:
    released = [each for each in versions if "-" not in each.version]
    return max(released or versions, key=_precedence)


def _precedence(function: Function) -> semver.Version:
    return semver.Version.parse(function.version)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"expected a string, found {value!r}")
    return value


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError(f"expected an object, found {value!r}")
    return value
