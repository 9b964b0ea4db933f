"""Strings with a prescribed form: names, versions, addresses, expressions, durations."""

import re
from typing import Annotated, Final

from pydantic import AfterValidator, Field

from events.flow.syntax.node import rule

SUPPORTED_DSL: Final = ("1.0.0", "1.0.1", "1.0.2", "1.0.3")

_LABEL: Final = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
_NUMBER: Final = r"(?:0|[1-9][0-9]*)"
_TAG: Final = r"(?:0|[1-9][0-9]*|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*)"
_SEMVER: Final = (
    rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}(?:-{_TAG}(?:\.{_TAG})*)?"
    r"(?:\+[0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*)?"
)
_AMOUNT: Final = r"[0-9]+(?:\.[0-9]+)?"
_DURATION: Final = (
    rf"P(?!$)(?:{_AMOUNT}Y)?(?:{_AMOUNT}M)?(?:{_AMOUNT}W)?(?:{_AMOUNT}D)?"
    rf"(?:T(?=[0-9])(?:{_AMOUNT}H)?(?:{_AMOUNT}M)?(?:{_AMOUNT}S)?)?"
)
_EXPRESSION: Final = r"\s*\$\{(?s:.+)\}\s*"
_URI: Final = r"[A-Za-z][A-Za-z0-9+\-.]*://.*"


def _form(pattern: str, expected: str) -> AfterValidator:
    compiled = re.compile(pattern)

    def check(value: str) -> str:
        if compiled.fullmatch(value) is None:
            raise rule(f"'{value}' is malformed; expected {expected}")
        return value

    return AfterValidator(check)


def _supported(value: str) -> str:
    if value not in SUPPORTED_DSL:
        known = ", ".join(SUPPORTED_DSL)
        raise rule(f"version '{value}' of the DSL is not supported; expected one of {known}")
    return value


DslVersion = Annotated[str, AfterValidator(_supported)]
Label = Annotated[
    str, _form(_LABEL, "1 to 63 letters, digits and hyphens, a hyphen neither first nor last")
]
Semver = Annotated[str, _form(_SEMVER, "a semantic version such as 1.0.0")]
SemverOrLatest = Annotated[
    str, _form(f"{_SEMVER}|latest", "a semantic version such as 1.0.0, or latest")
]
Expression = Annotated[str, _form(_EXPRESSION, "a runtime expression: ${ ... }")]
Uri = Annotated[str, _form(_URI, "an absolute URI or URI template such as https://host/{id}")]
UriOrExpression = Annotated[
    str,
    _form(
        f"{_URI}|{_EXPRESSION}",
        "an absolute URI or URI template such as https://host/{id}, or an expression: ${ ... }",
    ),
]
DurationText = Annotated[
    str,
    _form(
        f"{_DURATION}|{_EXPRESSION}",
        "an ISO 8601 duration such as PT30S, or an expression: ${ ... }",
    ),
]
NonEmpty = Annotated[str, Field(min_length=1)]
Integer = Annotated[int, Field(strict=True)]
Flag = Annotated[bool, Field(strict=True)]
Port = Annotated[int, Field(strict=True, ge=0, le=65535)]
Host = Annotated[
    str,
    _form(
        r"[a-zA-Z0-9](?:[a-zA-Z0-9.-]{0,61}[a-zA-Z0-9])?",
        "a host name: letters, digits, hyphens and dots",
    ),
]
