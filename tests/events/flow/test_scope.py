"""The variables a jq program takes from outside."""

from __future__ import annotations

import jq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.flow.scope import free_variables

PROGRAMS = [
    (".a", set()),
    ("$x", {"x"}),
    ('"cost $y \\($z) $w"', {"z"}),
    ('"a" + "b\\("c $k \\($l)")" + $m', {"l", "m"}),
    ('"\\\\" + $x + "\\"$n"', {"x"}),
    (". as $a | $a + $b", {"b"}),
    (". as [$a, {k: $b, $c}] | $a + $b + $c", set()),
    (". as [$a] ?// $a | $a", set()),
    ("reduce .[] as $i (0; . + $i + $j)", {"j"}),
    ("foreach .[] as [$i] (0; . + $i; $k)", {"k"}),
    ("def f($a; g): $a + g; f(1; $h)", {"h"}),
    ("1 # $c\n+ $d", {"d"}),
    ('.["$q"] + $ENV.PATH + ($__loc__ | tojson)', set()),
    ('@base64 "\\($b)"', {"b"}),
]


@pytest.mark.parametrize(("program", "free"), PROGRAMS)
def test_free_variables_are_those_that_jq_misses(program: str, free: set[str]) -> None:
    """A program compiles when exactly its free variables are bound, and not with one less."""
    assert free_variables(program) == free
    for bound in [free, *(free - {name} for name in free)]:
        text = "".join(f"0 as ${name} | " for name in sorted(bound)) + f"\n{program}\n"
        if bound == free:
            jq.compile(text)
        else:
            with pytest.raises(ValueError, match="is not defined"):
                jq.compile(text)


@given(st.text(alphabet='$ab "\\()#|.as \n[]{}:'))
def test_any_text_has_free_variables(program: str) -> None:
    """No text makes the scan fail."""
    assert all(name.isidentifier() for name in free_variables(program))
