"""CloudEvents SQL, our own cases: the language, and what it means as a Trigger's filter."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knative import filters
from knative.filters import FilterError
from knative.filters.cesql.expressions import Attributes, outcome
from knative.filters.cesql.syntax import ExpressionError, parse
from knative.local.matching import TriggerIndex, TriggerSpec

EVENT: Attributes = {
    "specversion": "1.0",
    "id": "1",
    "source": "/shop",
    "type": "com.example.order.created",
    "subject": "Bücher 50%",
    "sequence": "007",
    "small": "-2147483648",
    "urgent": "True",
    "number": 7,
    "flag": False,
}


def value(expression: str) -> object:
    """Return an expression's value; it has no error."""
    result, fault = outcome(parse(expression), EVENT)
    assert fault is None, fault
    return result


def passes(expression: str, event: dict[str, str] | None = None) -> bool:
    """Say whether an event passes a Trigger with this filter."""
    attributes = {name: str(text) for name, text in EVENT.items()} if event is None else event
    return filters.compile(filters=[{"cesql": expression}]).matches(attributes)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        # unary operators bind tighter than LIKE, IN and all that is binary
        ("NOT flag = TRUE", True),
        ("NOT 'true' LIKE 'false'", True),
        ("NOT flag IN (TRUE)", True),
        ("-number + 1", -6),
        ("- - number", 7),
        ("-number * -number", 49),
        # `*` before `+` before comparisons before logic; equals from left to right
        ("1 + 2 * 3 - 4", 3),
        ("20 / 2 / 5", 2),
        ("20 - 2 - 5", 13),
        ("2 + 2 = 4 AND 3 * 3 != 8", True),
        ("1 < 2 = TRUE", True),
        ("FALSE AND TRUE OR TRUE", True),
        ("TRUE OR TRUE AND FALSE", False),
        ("TRUE XOR TRUE XOR TRUE", True),
        # a sign belongs to a number, with and without spaces
        ("4-1", 3),
        ("4 -1", 3),
        ("4 - -1", 5),
        ("+5", 5),
        ("2 * +3", 6),
        ("-2147483648", -2147483648),
        ("0000000000000000000000000000000001", 1),
        # division rounds towards 0 and the remainder has the dividend's sign
        ("-7 / 2", -3),
        ("7 / -2", -3),
        ("-7 / -2", 3),
        ("-7 % 2", -1),
        ("7 % -2", 1),
        # texts: either quote, only the own one is escaped, the rest stays
        ("'it\\'s'", "it's"),
        ('"say \\"hi\\""', 'say "hi"'),
        ("'a\\nb'", "a\\nb"),
        ("'line\nline'", "line\nline"),
        ("''", ""),
        # names
        ("ID", "1"),
        ("tRuE", True),
        ("EXISTS sequence AND NOT EXISTS nothing", True),
        ("exists SpecVersion", True),
        ("number", 7),
        # casts follow the right operand of `=`, and the left one of IN
        ("sequence = 7", True),
        ("sequence = '7'", False),
        ("7 = sequence", False),
        ("7 IN (sequence)", True),
        ("sequence IN (7)", False),
        ("TRUE = 1", True),
        ("TRUE = 2", False),
        ("1 = TRUE", True),
        ("urgent AND TRUE", True),
        ("urgent = 'true'", False),
        ("sequence < number + 1", True),
        ("TRUE > FALSE", True),
        ("1 IN (2, 3, 4 - 3)", True),
        ("1 NOT IN (2, 3)", True),
        ("1 IN (1, 1 / 0)", True),
        # LIKE
        ("type LIKE '%order%'", True),
        ("type LIKE 'com.%.created'", True),
        ("type LIKE 'com.%.deleted'", False),
        ("type LIKE '%'", True),
        ("'' LIKE '%%'", True),
        ("'' LIKE '_'", False),
        ("'aXb' LIKE 'a_b'", True),
        ("'a.b' LIKE 'a.b' AND 'aXb' NOT LIKE 'a.b'", True),
        ("subject LIKE 'B_cher __\\%'", True),
        ("subject LIKE '%\\_'", False),
        ("'a\nb' LIKE 'a_b'", True),
        ("'abab' LIKE '%ab'", True),
        ("'aab' LIKE '%ab%b'", False),
        ("'ab' LIKE 'ab%ab'", False),
        ("number LIKE '_'", True),
        # functions
        ("LENGTH(subject)", 10),
        ("length('日本')", 2),
        ("Concat(1, TRUE, 'x')", "1truex"),
        ("CONCAT_WS('-', 1, 2)", "1-2"),
        ("UPPER('straße')", "STRASSE"),
        ("LOWER('ÄB')", "äb"),
        ("LENGTH(TRIM('\u2003 a \x1c'))", 3),
        ("LEFT('abc', 0)", ""),
        ("RIGHT('abc', 0)", ""),
        ("RIGHT('abc', 4)", "abc"),
        ("SUBSTRING('abc', 3)", "c"),
        ("SUBSTRING('abc', -3)", "abc"),
        ("SUBSTRING('abc', 2, 99)", "bc"),
        ("SUBSTRING('abc', 2, 0)", ""),
        ("SUBSTRING('', 0)", ""),
        ("ABS('-3')", 3),
        ("INT('+12')", 12),
        ("BOOL('fAlSe')", False),
        ("STRING(-0)", "0"),
        ("INT(LEFT(sequence, 3)) + LENGTH(id)", 8),
        # what cannot matter is not evaluated
        ("FALSE AND nothing", False),
        ("TRUE OR FOO()", True),
        ("FALSE AND 1 / 0 = 1 AND TRUE", False),
    ],
)
def test_values(expression: str, expected: object) -> None:
    """Each expression has the value and type of the specification."""
    result = value(expression)
    assert (type(result), result) == (type(expected), expected)


@pytest.mark.parametrize(
    ("expression", "kind", "expected"),
    [
        ("2147483647 + 1", "math", 0),
        ("small - 1", "math", 0),
        ("-small", "math", 0),
        ("small / -1", "math", 0),
        ("65536 * 65536", "math", 0),
        ("1 % 0", "math", 0),
        ("ABS(small)", "math", 2147483647),
        ("ABS(small) + 1", "math", 0),
        ("STRING(ABS(small))", "math", ""),
        ("INT('2147483648')", "cast", 0),
        ("INT(' 1')", "cast", 0),
        ("INT('1.0')", "cast", 0),
        ("INT('٣')", "cast", 0),
        ("INT('')", "cast", 0),
        ("BOOL('yes')", "cast", False),
        ("'x' = 1", "cast", False),
        ("'x' != 1", "cast", False),
        ("'x' < 1", "cast", False),
        ("'x' AND TRUE", "cast", False),
        ("1 IN ('x')", "cast", False),
        ("NOT number", "cast", True),
        ("nothing", "missingAttribute", False),
        ("nothing = ''", "missingAttribute", False),
        ("NOT (nothing = '')", "missingAttribute", False),
        ("nothing NOT IN (1)", "missingAttribute", False),
        ("'a' IN ('b', nothing)", "missingAttribute", False),
        ("nothing NOT LIKE 'x'", "missingAttribute", False),
        ("LENGTH(nothing)", "missingAttribute", 0),
        ("CONCAT('a', nothing)", "missingAttribute", ""),
        ("TRUE OR TRUE XOR nothing", "missingAttribute", False),
        ("FOO('a')", "missingFunction", False),
        ("LENGTH()", "missingFunction", False),
        ("LENGTH(FOO())", "missingFunction", 0),
        ("LEFT('abc', -1)", "functionEvaluation", "abc"),
        ("LENGTH(LEFT('abc', -1))", "functionEvaluation", 0),
        ("SUBSTRING('abc', 4)", "functionEvaluation", ""),
        ("SUBSTRING('abc', 0, -1)", "functionEvaluation", ""),
        ("SUBSTRING('abc', 1, -1)", "functionEvaluation", ""),
    ],
)
def test_errors(expression: str, kind: str, expected: object) -> None:
    """An error is of its kind, with the operator's own value or the zero value of the type."""
    result, fault = outcome(parse(expression), EVENT)
    assert fault is not None
    assert fault.kind == kind
    assert (type(result), result) == (type(expected), expected)


@pytest.mark.parametrize(
    ("expression", "line", "column", "reason"),
    [
        ("type =", 1, 7, "ends early; expected a value"),
        ("type = 'a' AND\n  ", 1, 15, "ends early; expected a value"),
        ("type = 'a", 1, 8, "begins with ' has no end"),
        ('"abc\\"', 1, 1, 'begins with " has no end'),
        ("type == 'a'", 1, 7, "unexpected '='; expected a value"),
        ("type 'a'", 1, 6, "unexpected \"'a'\"; expected an operator or the end"),
        ("a = 1\nAND b ! 2", 2, 7, "unexpected '!'"),
        ("(a = 1", 1, 7, "ends early; expected an operator"),
        ("a = 1)", 1, 6, "unexpected ')'"),
        ("a LIKE 1", 1, 8, "expected a text in quotes"),
        ("a LIKE CONCAT('a')", 1, 8, "expected a text in quotes"),
        ("a IN ()", 1, 7, "unexpected ')'; expected a value"),
        ("EXISTS 'a'", 1, 8, "expected an attribute's name"),
        ("EXISTS (a)", 1, 8, "expected an attribute's name"),
        ("a_b = 1", 1, 1, "unexpected 'a'"),
        ("f2(1)", 1, 3, "unexpected '('"),
        ("1.5", 1, 2, "unexpected '.'"),
        ("+a", 1, 2, "unexpected 'a'"),
        ("2147483648", 1, 1, "2147483648 does not fit into 32 bits"),
        ("a < -2147483649", 1, 1, "-2147483649 does not fit into 32 bits"),
        ("9" * 5000, 1, 1, "no 32-bit integer"),
        ("a L\u0130KE 'b'", 1, 3, "unexpected 'L"),
        ("NOT " * 200 + "a", 1, 1, "more than 100 deep"),
        ("-" * 100_000 + "a", 1, 1, "more than 100 deep"),
        ("ABS(" * 10_000 + "1" + ")" * 10_000, 1, 1, "more than 100 deep"),
    ],
)
def test_what_is_no_expression(expression: str, line: int, column: int, reason: str) -> None:
    """A text that is none is refused with line, column and what was expected there."""
    with pytest.raises(ExpressionError, match=f"line {line}, column {column}: ") as caught:
        parse(expression)
    assert reason in str(caught.value)


def test_long_expressions_are_no_deep_ones() -> None:
    """Thousands of conditions side by side, or of brackets, cost no recursion."""
    assert value(" OR ".join(["id = '2'"] * 5000 + ["id = '1'"])) is True
    assert value("(" * 2000 + "TRUE" + ")" * 2000) is True
    assert value(" + ".join(["1"] * 5000)) == 5000


@given(st.text(alphabet="ab%_\\.", max_size=8), st.text(alphabet="ab%_\\.", max_size=8))
def test_like_is_as_a_plain_search_has_it(pattern: str, text: str) -> None:
    """LIKE agrees with the definition of its wildcards, tried one by one."""

    def like(pattern: str, text: str) -> bool:
        if not pattern:
            return not text
        if pattern[0] == "%":
            return like(pattern[1:], text) or (bool(text) and like(pattern, text[1:]))
        if pattern[:2] in {"\\%", "\\_"}:
            return text[:1] == pattern[1] and like(pattern[2:], text[1:])
        return bool(text) and pattern[0] in {"_", text[0]} and like(pattern[1:], text[1:])

    quoted = pattern.replace("'", "\\'")
    if quoted.endswith("\\") and not quoted.endswith("\\\\"):
        quoted += "%"
        pattern += "%"
    try:
        expression = parse(f"x LIKE '{quoted}'")
    except ExpressionError:
        return  # an odd number of backslashes takes the closing quote
    assert outcome(expression, {"x": text}) == (like(pattern, text), None)


_WORDS = (
    "AND OR XOR NOT LIKE IN EXISTS TRUE FALSE LENGTH( CONCAT_WS( ABS( SUBSTRING( INT( FOO( ( ) , "
    "+ - * / % = != <> < <= > >= 0 1 7 2147483647 2147483648 id type number small nothing flag "
    "'a' 'a%' '7' \"true\" '' ' § \\ a_b"
)


@given(st.lists(st.sampled_from(_WORDS.split()), max_size=12).map(" ".join))
def test_every_text_has_a_value_or_a_place(source: str) -> None:
    """Whatever is written is refused with its position, or has a value of the three types."""
    try:
        expression = parse(source)
    except ExpressionError as error:
        place = (error.line, error.column)
    else:
        place = (1, 1)
        result, _ = outcome(expression, EVENT)
        assert type(result) in {str, bool} or -(2**31) <= int(result) < 2**31
    assert (1, 1) <= place <= (1, len(source) + 1)


def test_like_takes_no_longer_than_its_text() -> None:
    """A pattern of many wildcards over a long text that does not fit takes no seconds."""
    expression = parse(f"x LIKE '{'%a' * 40}b'")
    begun = time.perf_counter()
    assert outcome(expression, {"x": "a" * 50_000}) == (False, None)
    assert time.perf_counter() - begun < 2


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("type LIKE 'com.example.%' AND EXISTS subject", True),
        ("sequence = 7", True),
        ("INT(sequence) > 7", False),
        ("nothing = 'x'", False),
        ("NOT (nothing = 'x')", False),
        ("NOT EXISTS nothing", True),
        ("type", False),
        ("1", False),
        ("'true'", False),
        ("BOOL('true')", True),
        ("BOOL(urgent)", True),
        ("urgent", False),
        ("1 / 0 = 1", False),
        ("TRUE OR 1 / 0 = 1", True),
    ],
)
def test_only_true_passes(expression: str, expected: bool) -> None:
    """An event passes on the boolean true; another type, or any error, does not pass."""
    assert passes(expression) is expected


def test_an_error_inside_not_passes() -> None:
    """An error fails the cesql filter alone: the `not` round it passes."""
    assert filters.compile(filters=[{"not": {"cesql": "nothing = 'x'"}}]).matches({"id": "1"})


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        (1, "expected an expression"),
        ("", "expected an expression"),
        (" \n", "expected an expression"),
        ("type =", "line 1, column 7: the expression ends early"),
        ("LENGHT(type) > 1", "no function LENGHT of 1 arguments; there are LENGTH, CONCAT"),
        ("TRUE OR LEFT(type)", "LEFT does not take 1 argument"),
        ("LENGTH() = 0", "LENGTH does not take 0 arguments"),
        ("a = 1 OR b = 2 AND c = 3", "add parentheses"),
        ("EXISTS a AND (TRUE XOR b AND c)", "add parentheses"),
    ],
)
def test_what_no_filter_can_be(spec: Any, reason: str) -> None:
    """What is no expression, never true, or read otherwise by Knative is refused with its path."""
    with pytest.raises(FilterError) as caught:
        filters.compile(filters=[{"not": {"cesql": spec}}])
    assert caught.value.path == "filters[0].not.cesql"
    assert reason in caught.value.reason


@pytest.mark.parametrize(
    ("expression", "required"),
    [
        ("type = 'a'", {"type": "a"}),
        ("'a' = type", {"type": "a"}),
        ("type = 'a' AND tool = 'b' AND EXISTS c", {"type": "a", "tool": "b"}),
        ("(type = 'a' AND (tool = 'b')) AND c < 1", {"type": "a", "tool": "b"}),
        ("type = 'a' OR tool = 'b'", {}),
        ("type != 'a'", {}),
        ("type = 1", {}),
        ("type = tool", {}),
        ("'a' = 'b'", {}),
        ("NOT (type = 'a')", {}),
        ("type = 'a' = TRUE", {}),
        ("type = 'a' XOR tool = 'b'", {}),
        ("type LIKE 'a'", {}),
    ],
)
def test_what_the_index_may_rely_on(expression: str, required: dict[str, str]) -> None:
    """Texts that an attribute must equal are required; nothing else is."""
    assert filters.compile(filters=[{"cesql": expression}]).required() == required


_conditions = st.sampled_from(
    [
        "type = 'a'",
        "'b' = tool",
        "tool != 'a'",
        "type LIKE 'a%'",
        "EXISTS tool",
        "x = 1",
        "type = x",
    ]
)
_expressions = st.recursive(
    _conditions,
    lambda inner: st.one_of(
        st.tuples(st.sampled_from(["AND", "OR", "XOR"]), inner, inner).map(
            lambda parts: f"({parts[1]} {parts[0]} {parts[2]})"
        ),
        inner.map(lambda part: f"NOT ({part})"),
    ),
    max_leaves=6,
)


@given(
    st.lists(_expressions, max_size=5),
    st.dictionaries(st.sampled_from(["type", "tool", "x"]), st.sampled_from(["a", "b", "1"])),
)
def test_the_index_loses_nothing(expressions: list[str], event: dict[str, str]) -> None:
    """The index finds exactly the Triggers whose filters pass, whatever they require."""
    triggers = [
        TriggerSpec(str(number), "http://x/", filters.compile(filters=[{"cesql": expression}]))
        for number, expression in enumerate(expressions)
    ]
    found = {trigger.name for trigger in TriggerIndex(triggers).match(event)}
    assert found == {str(n) for n, e in enumerate(expressions) if passes(e, event)}


def test_who_uses_no_cesql_loads_no_parser() -> None:
    """The parser's memory is not spent by a platform without such a filter."""
    program = (
        "import sys; from knative.render import render; from knative.local import wiring\n"
        "from knative.resources import load; wiring.triggers(load(render()))\n"
        "print('lark' in sys.modules)"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert result.stdout.strip() == "False"
