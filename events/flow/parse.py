"""From text to a flow: every syntax problem found at once, with file, line and column."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson
from pydantic import ValidationError

from events.flow.explain import explain
from events.flow.finding import Finding, FlowError
from events.flow.syntax.flow import Flow
from events.source import SourceError, read

if TYPE_CHECKING:
    from events.source import Document

__all__ = ["Finding", "FlowError", "Parsed", "digest_of", "parse"]


@dataclass(frozen=True, slots=True)
class Parsed:
    """A flow that is well-formed; `check` says whether it can run."""

    flow: Flow
    document: Document
    definition: dict[str, Any]
    """The plain JSON as written."""
    digest: str
    """`sha256:` and the hash of the canonical definition: this names the flow version."""


def parse(text: str, file: str = "<text>") -> Parsed:
    """Read a flow from YAML or JSON; raise FlowError with every syntax problem found."""
    document = _document(text, file)
    try:
        flow = Flow.model_validate(document.value)
    except ValidationError as error:
        raise FlowError(explain(error.errors(include_url=False), document)) from None
    definition: dict[str, Any] = document.value
    return Parsed(flow, document, definition, digest_of(definition))


def digest_of(definition: dict[str, Any]) -> str:
    """Return the digest of a definition: the same for any key order, layout or comment."""
    canonical = json.dumps(
        definition, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    return "sha256:" + hashlib.sha256(canonical.encode()).hexdigest()


def _document(text: str, file: str) -> Document:
    try:
        return read(_spaced(text), file)
    except SourceError as error:
        raise FlowError([Finding(error.position, error.reason)]) from None


def _spaced(text: str) -> str:
    """Return JSON with its tabs as spaces, which YAML asks for; columns stay."""
    if "\t" not in text:
        return text
    try:
        orjson.loads(text)
    except ValueError:
        return text
    # a JSON string holds no raw tab: every one of them stands between tokens
    return text.replace("\t", " ")
