"""Prompts: templates, their variables, and what cannot be asked."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from events.errors import ErrorType, ToolError
from functions.llm.completion import question
from functions.llm.models import In
from functions.llm.prompt import messages, render


def test_a_template_is_filled() -> None:
    """Loops and filters work, and the system message stands first."""
    prompt = "{% for p in passages %}- {{ p }}\n{% endfor %}{{ question | upper }}"
    variables = {"passages": ["a", "b"], "question": "why?"}
    request = In(prompt=prompt, variables=variables, system="Be brief.")
    assert messages(request) == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "- a\n- b\nWHY?"},
    ]


@given(st.text())
def test_untrusted_text_stays_text(text: str) -> None:
    """Whatever a variable contains comes out as it is."""
    assert render("{{ text }}", {"text": text}) == text


def test_a_template_in_a_variable_is_inert() -> None:
    """Template signs in a document are not executed."""
    assert render("{{ text }}", {"text": "{{ 7 * 7 }}{% raw %}"}) == "{{ 7 * 7 }}{% raw %}"


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("{{ missing }}", "'missing' is undefined"),
        ("a\n{{ x", "line 2"),
        ("{{ ''.__class__.__mro__ }}", "unsafe"),
        ("{{ x.append(1) }}", "unsafe"),
        ("{{ 1 / 0 }}", "division"),
        ("{{ x + 1 }}", "list"),
    ],
)
def test_a_wrong_template_is_a_validation_error(template: str, reason: str) -> None:
    """Missing names, bad syntax, sandbox breaks and failing expressions say what is wrong."""
    with pytest.raises(ToolError, match=f"prompt.*{reason}") as caught:
        render(template, {"x": []})
    assert caught.value.problem.type == ErrorType.VALIDATION


@pytest.mark.parametrize(
    "given_",
    [
        {},
        {"messages": [], "variables": {"a": 1}},
        {"prompt": "a", "messages": [{"role": "user", "content": "b"}]},
        {"messages": [{"role": "user", "content": "b"}], "variables": {"a": 1}},
        {"prompt": "a", "temperature": 3},
        {"prompt": "a", "max_tokens": 0},
        {"prompt": "a", "unknown": 1},
        {"messages": [{"role": "robot", "content": "b"}]},
    ],
)
def test_what_cannot_be_asked_is_refused(given_: dict[str, Any]) -> None:
    """Neither or both of messages and prompt, and values out of range, are invalid."""
    with pytest.raises(ValidationError):
        In.model_validate(given_)


@pytest.mark.parametrize(
    "schema", [{"type": "nonsense"}, {"$ref": "http://127.0.0.1:9/schema.json"}, {"$ref": "#/no"}]
)
def test_a_wrong_schema_is_refused_before_asking(schema: dict[str, Any]) -> None:
    """An invalid schema, or one that lies elsewhere, is a validation error; nothing is fetched."""
    with pytest.raises(ToolError, match="schema") as caught:
        question(In.model_validate({"prompt": "a", "schema": schema}))
    assert caught.value.problem.type == ErrorType.VALIDATION
