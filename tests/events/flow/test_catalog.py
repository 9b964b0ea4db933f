"""The catalog: which function a call means."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.flow.catalog import Catalog, Function, UnknownFunction


def function(name: str, version: str) -> Function:
    return Function(name, version, {}, {}, 60.0, "A function.")


CATALOG = Catalog(
    tuple(
        function(name, version)
        for name, version in [
            ("llm", "1.0.0"),
            ("llm", "1.2.10"),
            ("llm", "1.2.9"),
            ("llm", "2.0.0"),
            ("llm", "3.0.0-rc.1"),
            ("http", "1.0.0"),
            ("text-collection", "0.1.0-alpha"),
        ]
    )
)
DOCUMENT: dict[str, Any] = {
    "name": "llm",
    "version": "1.0.0",
    "summary": "Chat.",
    "input": {"schema": {"format": "json", "document": {"type": "object"}}},
    "output": {"schema": {"format": "json", "document": True}},
    "metadata": {"tendril": {"timeout": 60}},
}


@pytest.mark.parametrize(
    ("call", "version"),
    [
        ("llm", "2.0.0"),
        ("llm:1", "1.2.10"),
        ("llm:1.2", "1.2.10"),
        ("llm:1.0", "1.0.0"),
        ("llm:1.2.9@default", "1.2.9"),
        ("llm@default", "2.0.0"),
        ("llm:3.0.0-rc.1", "3.0.0-rc.1"),
        ("llm:3", "3.0.0-rc.1"),
        ("text-collection", "0.1.0-alpha"),
    ],
)
def test_a_call_means_the_highest_version_that_begins_so(call: str, version: str) -> None:
    """A version may be shortened or left out; a pre-release is meant only if nothing else is."""
    assert CATALOG.resolve(call).version == version


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            "lm",
            "the catalog has no function 'lm'; it has http, llm, text-collection; did you mean 'llm'?",  # noqa: E501 - one message
        ),
        (
            "llm:4",
            "the catalog has no version 4 of 'llm'; it has 1.0.0, 1.2.9, 1.2.10, 2.0.0, 3.0.0-rc.1",
        ),
        ("llm:", "'' is no version of 'llm', such as 1.0.0, 1.0 or 1"),
        ("llm:latest", "'latest' is no version of 'llm', such as 1.0.0, 1.0 or 1"),
        ("llm:1@mine", "there is no catalog 'mine'; 'default' is the only one"),
        ("llm@", "there is no catalog ''; 'default' is the only one"),
    ],
)
def test_an_unknown_function_is_told_with_what_there_is(call: str, message: str) -> None:
    """Unknown names, versions and catalogs say what the catalog has, and what is near."""
    with pytest.raises(UnknownFunction) as caught:
        CATALOG.resolve(call)
    assert str(caught.value) == message


def test_an_empty_catalog_says_so() -> None:
    """Without any function the message does not offer one."""
    with pytest.raises(UnknownFunction, match="it is empty"):
        Catalog(()).resolve("llm")


@given(st.text())
def test_any_call_means_a_function_or_is_unknown(call: str) -> None:
    """No text makes `resolve` raise anything but UnknownFunction."""
    with contextlib.suppress(UnknownFunction):
        assert CATALOG.resolve(call) in CATALOG.functions


def test_a_function_is_read_from_its_document() -> None:
    """A function.yaml's content becomes a Function."""
    document = {**DOCUMENT, "output": {"schema": {"document": {"type": "string"}}}}
    assert Function.from_document(document) == Function(
        "llm", "1.0.0", {"type": "object"}, {"type": "string"}, 60.0, "Chat."
    )


@pytest.mark.parametrize(
    "change",
    [
        {"name": 3},
        {"version": "1"},
        {"input": {}},
        {"input": None},
        {"output": {"schema": {"document": True}}},
        {"metadata": {"tendril": {"timeout": "soon"}}},
        {"metadata": None},
    ],
)
def test_a_wrong_document_is_refused(change: dict[str, Any]) -> None:
    """A function.yaml that lacks something or has another shape raises ValueError."""
    with pytest.raises(ValueError, match=r"."):
        Function.from_document(DOCUMENT | change)
