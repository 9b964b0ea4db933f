"""What counts as an expression, and the program it becomes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.errors import ErrorType
from events.flow import expressions
from events.flow.expressions import EmptyResult, ExpressionError

if TYPE_CHECKING:
    from functions.host.jq import JqPool


def shout(program: str) -> str:
    """Evaluate a program to itself, loudly; refuse the word `fail`, and give nothing for `none`."""
    if program == "fail":
        raise ExpressionError("failed")
    if program == "none":
        raise EmptyResult("nothing")
    return program.upper()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("${ .a }", True),
        ("${.a}", True),
        ("  ${ .a }\n", True),
        ("${\n.a\n}", True),
        ('${ "}" }', True),
        ("${}", False),
        (".a", False),
        ("x ${ .a }", False),
        ("${ .a } x", False),
        ("$ { .a }", False),
        ("", False),
        (5, False),
        (None, False),
        (["${ .a }"], False),
    ],
)
def test_what_is_an_expression(value: Any, expected: bool) -> None:
    """A string that is exactly one `${ ... }`, white space around it aside."""
    assert expressions.is_expression(value) is expected


@pytest.mark.parametrize("text", [".a", "${ .a }", "${.a}", " ${ .a }\n", " .a "])
def test_bare_or_wrapped(text: str) -> None:
    """A field that is an expression by definition takes both spellings."""
    assert expressions.program(text) == ".a"


def test_resolve_goes_to_any_depth() -> None:
    """Only the expressions in a template change; keys, numbers and other text stay."""
    template = {"${ k }": ["${ a }", {"b": "${ b }"}], "n": 1, "t": "text", "z": None}
    assert expressions.resolve(template, shout) == {
        "${ k }": ["A", {"b": "B"}],
        "n": 1,
        "t": "text",
        "z": None,
    }


def test_loose_mode_keeps_what_fails() -> None:
    """In loose mode a string that fails is itself, but an explicit expression still fails."""
    assert expressions.resolve(["a", "${ a }", "fail", "none"], shout, loose=True) == [
        "A",
        "A",
        "fail",
        "none",
    ]
    with pytest.raises(ExpressionError):
        expressions.resolve("${ fail }", shout, loose=True)


def test_transform_takes_text_or_an_object() -> None:
    """A transformation as text is one program; as an object it is a template."""
    assert expressions.transform("a", shout) == "A"
    assert expressions.transform("${ a }", shout) == "A"
    assert expressions.transform({"x": "${ a }", "y": "a"}, shout) == {"x": "A", "y": "a"}


def test_a_condition_without_output_is_false() -> None:
    """No output is false, an error is an error."""
    assert expressions.condition("a", shout) is True
    assert expressions.condition("none", shout) is False
    with pytest.raises(ExpressionError):
        expressions.condition("${ fail }", shout)


@pytest.mark.parametrize(
    ("result", "holds"), [(True, True), (False, False), (None, False), (0, True), ("", True)]
)
def test_truth(result: Any, holds: bool) -> None:
    """Only false and null do not hold, as in jq."""
    assert expressions.condition("x", lambda _: result) is holds


def test_the_error_is_the_standard_one() -> None:
    """An expression error is the DSL's, with status 400."""
    problem = ExpressionError("why").problem
    assert (problem.type, problem.status, problem.detail) == (ErrorType.EXPRESSION, 400, "why")


def test_variables_and_mentioned() -> None:
    """The variables of a program are found; an argument that does not occur is not bound."""
    text = '$a + $b.c | . as $d | $__loc__ | $ENV.X | "\\($e)" | {$f}'
    assert expressions.variables(text) == {"a", "b", "d", "e", "f"}
    assert expressions.mentioned(text, ["b", "zz", "a", "not-a-name", "f"]) == ("a", "b", "f")


def test_long_programs_are_quoted_short() -> None:
    """A message shows at most 200 characters of a program, on one line."""
    assert expressions.shown(".a\n  | .b") == ".a | .b"
    assert len(expressions.shown("x" * 1000)) == 200


WORDS = (
    *(".", ".a", "1", "|", ",", "(", ")", "[", "]", "{", "}", "as", "$x", '"', "\\", "#", "\n"),
    *("def f:", ";", "if", "then", "else", "end", "reduce", "label", "//", "?", "f", "+", "try"),
)
expression_text = st.lists(st.sampled_from(WORDS), max_size=8).map(" ".join)


@given(text=expression_text)
def test_only_what_stands_alone_compiles_in_place(text: str, jq: JqPool) -> None:
    """A text that compiles in its place also compiles between parentheses, as itself.

    So nothing in it reaches out of its place, and nothing of the place is needed to finish it.
    """
    try:
        jq.compile(text, ["x"])
    except ExpressionError:
        return
    jq.compile(f"(\n{text}\n\n)", ["x"])


@given(text=expression_text)
def test_a_program_cannot_see_around_itself(text: str, jq: JqPool) -> None:
    """Whatever compiles gives the same in its place as it gives between parentheses."""
    results = []
    for program in (text, f"(\n{text}\n\n)"):
        try:
            results.append(jq.evaluate(program, {"a": 1}, {"x": 2}))
        except ExpressionError as error:
            results.append(type(error))
    assert results[0] == results[1]
