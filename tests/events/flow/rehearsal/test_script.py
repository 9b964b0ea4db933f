"""Test files and recordings as text: strict, and every mistake at its place."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from events.flow.finding import FlowError
from events.flow.rehearsal.script import read_script, read_tape, span

WHOLE = """
flow: a.yaml
recording: b.yaml
cases:
  - name: all there is
    input: {a: 1}
    run: r1
    started: 2026-02-03T04:05:06+01:00
    events: [{at: {seconds: 2}, event: {type: t}}]
    answers: [{task: ask, error: {status: 503}, takes: PT3S}, {task: ask, never: true}]
    expect: {output: null, schema: {type: 'null'}, conditions: [.a], took: PT3S}
  - name: nothing at all
"""


def test_everything_that_can_be_said() -> None:
    """Every property is read; what is not said has its default."""
    script = read_script(WHOLE, "f")
    case, empty = script.cases
    assert case.began == datetime(2026, 2, 3, 3, 5, 6, tzinfo=UTC)
    assert span(case.expect.took) == timedelta(seconds=3)
    assert "output" in case.expect.model_fields_set
    busy, silent = [each.answer() for each in case.answers or ()]
    assert busy.problem is not None
    assert (busy.problem.status, busy.takes, silent.never) == (503, timedelta(seconds=3), True)
    assert (empty.input, empty.expect.model_fields_set) == ({}, set())


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ("[]", "f:1:1: the test file: expected an object, found an empty list"),
        ("cases: [{name: a}]", "f:1:1: the property 'flow' is missing in the test file"),
        ("flow: x\ncases: []", "f:2:1: 'cases': expected at least one case"),
        ("flow: x\ncase: 1", "f:2:1: unknown property 'case' of the test file; expected one of"),
        ("flow: x\ncases:\n - name: a\n - name: a",
         "f:4:4: 'cases[1].name': another case is called 'a' already"),
        ("flow: x\ncases:\n - name: a\n   expect: {output: 1, error: {}}",
         "f:4:13: 'cases[0].expect.output': a run that ends in an error has no output"),
        ("flow: x\ncases:\n - name: a\n   answers: [{task: t, output: 1, never: true}]",
         "f:4:14: 'cases[0].answers[0]': expected exactly one of output, error, never"),
        ("flow: x\ncases:\n - name: a\n   started: yesterday",
         "f:4:4: 'cases[0].started': 'yesterday' is malformed; expected a time with"),
        ("flow: x\ncases:\n - name: a\n   expect: {took: '${ .x }'}",
         "f:4:13: 'cases[0].expect.took': expected a duration; an expression has"),
        ("flow: x\ncases:\n - name: a\n   events: [{event: {}}]",
         "f:4:14: 'cases[0].events[0].event': the event needs a type, a string"),
        ("flow: x\ncases: {", "f:2:9: expected the node content, but found '<stream end>'"),
    ],
)  # fmt: skip
def test_mistakes_have_a_place(wrong: str, told: str) -> None:
    """A line says where it is, and what is wrong."""
    with pytest.raises(FlowError) as caught:
        read_script(wrong, "f")
    assert any(line.startswith(told) for line in str(caught.value).splitlines())


def test_a_recording_is_as_strict() -> None:
    """An entry names its function with the major version, and has an answer."""
    with pytest.raises(FlowError) as caught:
        read_tape("answers: [{call: llm, input: {}, answers: []}]", "r")
    assert str(caught.value).splitlines() == [
        "r:1:12: 'answers[0].call': 'llm' is malformed; expected NAME:MAJOR such as llm:1",
        "r:1:34: 'answers[0].answers': expected at least one answer",
    ]
