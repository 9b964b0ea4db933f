"""Flows drawn as Mermaid flowcharts."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.flow.parse import parse
from events.flow.show import mermaid

FLOWS = Path(__file__).parent / "flows"
HEAD = {"dsl": "1.0.3", "namespace": "tests", "name": "flow", "version": "1.0.0"}
NODE = re.compile(r'^ *(?P<id>\w+)[\[({/\\]+"(?P<label>[^"]*)"[\])}/\\]+$')
BOX = re.compile(r'^ *subgraph (?P<id>\w+) \["(?P<label>[^"]*)"\]$')
ARROW = re.compile(r'^  (?P<from>\w+) (?:-->|-\.->)(?:\|"(?P<label>[^"]*)"\|)? (?P<to>\w+)$')
ESCAPED = re.compile(r"(?:[\w .,:/=+*'$!?%@-]|#[0-9]+;|<br/>)*")


def drawn(do: list[Any]) -> str:
    return mermaid(parse(json.dumps({"document": HEAD, "do": do})).flow)


def well_formed(chart: str) -> tuple[set[str], list[tuple[str, str, str]]]:
    """Read a chart back: its nodes and arrows; every line must be one that Mermaid knows."""
    head, *lines = chart.rstrip("\n").split("\n")
    assert head == "flowchart TD"
    nodes: set[str] = set()
    arrows, labels, depth = [], [], 0
    for line in lines:
        if box := BOX.match(line):
            nodes.add(box["id"])
            labels.append(box["label"])
            depth += 1
        elif line.strip() == "end":
            depth -= 1
        elif arrow := ARROW.match(line):
            arrows.append((arrow["from"], arrow["to"], arrow["label"] or ""))
        else:
            node = NODE.match(line)
            assert node, line
            assert node["id"] not in nodes
            nodes.add(node["id"])
            labels.append(node["label"])
    assert depth == 0
    assert all({source, target} <= nodes for source, target, _ in arrows)
    assert all(ESCAPED.fullmatch(label) for label in [*labels, *(arrow[2] for arrow in arrows)])
    return nodes, arrows


@pytest.mark.parametrize("name", ["complete", "runnable"])
def test_every_object_of_the_language_can_be_drawn(name: str) -> None:
    """A flow of any tasks becomes a chart of nodes, boxes and arrows between them."""
    well_formed(mermaid(parse((FLOWS / f"{name}.yaml").read_text()).flow))


def test_a_chart_shows_tasks_conditions_boxes_and_directives() -> None:
    """Names, kinds, the conditions of a switch, loops, try and catch, `end` are all there."""
    chart = drawn(
        [
            {"choose": {"switch": [{"big": {"when": ".size > 3", "then": "each"}}]}},
            {"ask": {"call": "llm:1", "if": ".question", "then": "end"}},
            {"each": {"for": {"in": ".parts"}, "do": [{"part": {"set": {"a": 1}}}]}},
            {"risky": {"try": [], "catch": {"errors": {"with": {"status": 408}}}}},
        ]
    )
    assert chart == (
        "flowchart TD\n"
        '  start(["tests/flow:1.0.0"])\n'
        '  task1{"choose<br/>switch"}\n'
        '  task2[["ask<br/>call llm:1<br/>if .question"]]\n'
        '  subgraph box3 ["each<br/>for item in .parts"]\n'
        '    task4["part<br/>set"]\n'
        "  end\n"
        '  subgraph box5 ["risky<br/>try"]\n'
        '    subgraph box6 ["try"]\n'
        '      empty7["nothing"]\n'
        "    end\n"
        '    subgraph box8 ["catch 408"]\n'
        '      empty9["nothing"]\n'
        "    end\n"
        "  end\n"
        '  finish(["end"])\n'
        "  box6 -.-> box8\n"
        '  task1 -->|"big: .size #62; 3"| box3\n'
        '  task1 -->|"otherwise"| task2\n'
        "  task2 --> finish\n"
        "  box3 --> box5\n"
        "  box5 --> finish\n"
        "  start --> task1\n"
    )


def test_an_empty_flow_goes_from_start_to_end() -> None:
    """A flow without tasks is drawn, too."""
    assert well_formed(drawn([]))[1] == [("start", "finish", "")]


def test_a_named_exit_of_a_box_is_drawn_inside_it() -> None:
    """`exit` in a list inside a task leads to the end of its box."""
    chart = drawn([{"outer": {"do": [{"inner": {"set": {"a": 1}, "then": "exit"}}]}}])
    assert '    exit3(("exit"))\n' in chart
    assert "  task2 --> exit3\n" in chart


def test_functions_and_extensions_are_drawn_beside_the_flow() -> None:
    """A call leads to its function with a dotted arrow; an extension is a box of its own."""
    use = {
        "functions": {"pet": {"set": {"a": 1}}},
        "extensions": [{"log": {"extend": "all", "before": [{"note": {"set": {"a": 1}}}]}}],
    }
    flow = {"document": HEAD, "use": use, "do": [{"get": {"call": "pet"}}]}
    chart = mermaid(parse(json.dumps(flow)).flow)
    well_formed(chart)
    assert '["function pet"]\n    task' in chart
    assert '["extension log: all"]' in chart
    assert "  task1 -.-> box" in chart


def test_a_parallel_loop_says_how_many() -> None:
    """The box of a loop is labelled with how many iterations run at a time."""
    loop = {"for": {"in": ".x"}, "metadata": {"tendril": {"concurrency": 3}}, "do": []}
    assert "for item in .x, 3 at a time" in drawn([{"each": loop}])


@given(st.text(min_size=1), st.text(), st.text())
def test_any_text_is_escaped(name: str, when: str, call: str) -> None:
    """No name, condition or function breaks out of its label."""
    tasks = [
        {name: {"switch": [{name: {"when": when, "then": "end"}}], "if": when}},
        {f"{name}2": {"call": f"x{call}"}},
    ]
    text = json.dumps({"document": HEAD, "do": tasks})
    try:
        flow = parse(text).flow
    except ValueError:
        return  # characters that YAML refuses
    well_formed(mermaid(flow))
