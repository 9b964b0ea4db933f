"""Terms, scripts, fusion and filters: the pure parts of search."""

from __future__ import annotations

import sqlite3
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.text_collection.ranking import Question, fuse, means, nearest
from functions.text_collection.scripts import script
from functions.text_collection.search import matcher
from functions.text_collection.terms import indexed, match


@given(st.text(max_size=300))
def test_any_query_is_a_valid_expression(query: str) -> None:
    """Every query becomes nothing or an FTS5 expression that SQLite takes."""
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE VIRTUAL TABLE t USING fts5 (body)")
    if (expression := match(query)) is not None:
        connection.execute("SELECT * FROM t WHERE t MATCH ?", (expression,)).fetchall()
    connection.close()


@given(st.text(alphabet="abc 云雀仪器东海。かなЖ1", min_size=1, max_size=40), st.data())
def test_a_text_is_found_by_any_part_of_it(text: str, data: st.DataObject) -> None:
    """Whole words, and any run of unspaced characters, find the text they are taken from."""
    runs = [run for run in text.replace("。", " ").split() if len(script(run)) > 0]
    if not runs:
        return
    asked = data.draw(st.sampled_from(runs))
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE VIRTUAL TABLE t USING fts5 (body)")
    connection.execute("INSERT INTO t VALUES (?)", (indexed(text),))
    found = connection.execute("SELECT * FROM t WHERE t MATCH ?", (match(asked),)).fetchall()
    connection.close()
    assert found


def test_a_long_query_is_bounded() -> None:
    """A query of thousands of words asks for its first terms only."""
    assert (match(" ".join(f"w{n}" for n in range(5000))) or "").count(" OR ") == 127


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hello 云", "LATIN"),
        ("云雀 A", "CJK"),
        ("カタカナと漢字", "KANA"),
        ("Привет", "CYRILLIC"),
        ("안녕하세요", "HANGUL"),
        ("123 !?", ""),
        ("\uff28\uff45\uff4c\uff4c\uff4f", "LATIN"),
    ],
)
def test_scripts(text: str, expected: str) -> None:
    """The script of most letters is a text's; kana make it Japanese."""
    assert script(text) == expected


def test_fusion() -> None:
    """What both rankings have comes before what one has; order within one is kept."""
    scores = fuse([1, 2, 3], [3, 4], foreign=())
    assert list(scores) == [3, 1, 2, 4]
    assert list(fuse([7, 8], [], foreign=())) == [7, 8]


def test_fusion_judges_foreign_passages_by_meaning_alone() -> None:
    """A passage no word can find is not beaten by weaker ones that share some words."""
    assert next(iter(fuse([1, 2, 3], [3, 2], foreign={1}))) == 1
    assert next(iter(fuse([1, 2, 3], [2, 3], foreign={1}))) == 2


def _unit(*values: float) -> np.ndarray[Any, np.dtype[np.float32]]:
    vector = np.array(values, np.float32)
    unit: np.ndarray[Any, np.dtype[np.float32]] = vector / np.linalg.norm(vector)
    return unit


def test_a_language_of_its_own_does_not_hide_the_meaning() -> None:
    """A passage of another script with the right meaning beats those that share only script."""
    meanings = np.eye(6, dtype=np.float32)[:4]
    latin = [_unit(*(meaning + 2 * np.eye(6)[4])) for meaning in meanings]
    cjk = [_unit(*(meaning + 2 * np.eye(6)[5])) for meaning in meanings]
    kept = [(n, "LATIN", v.astype(np.float32).tobytes()) for n, v in enumerate(latin[1:])]
    kept += [(10 + n, "CJK", v.astype(np.float32).tobytes()) for n, v in enumerate(cjk)]
    samples: dict[str, list[bytes]] = {"LATIN": [], "CJK": []}
    for _, written, vector in kept:
        samples[written].append(vector)
    question = Question(latin[0], "LATIN", means(samples, "LATIN"))
    ranked = nearest(kept, question, 3)
    assert (ranked[0].key, ranked[0].foreign) == (10, True)
    assert max(kept, key=lambda k: float(np.frombuffer(k[2], np.float32) @ latin[0]))[0] < 10


def test_a_lone_passage_is_comparable() -> None:
    """One passage, and a question in a script that the collection lacks, still have a score."""
    vector = _unit(1, 0, 1).tobytes()
    question = Question(_unit(1, 0, 0), "CJK", means({"LATIN": [vector]}, "CJK"))
    (only,) = nearest([(1, "LATIN", vector)], question, 5)
    assert np.isfinite(only.closeness)
    assert only.similarity == pytest.approx(0.7071, abs=1e-3)


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({"n": 1}, True),
        ({"n": 1.0}, True),
        ({"n": True}, False),
        ({"n": "1"}, False),
        ({"b": True}, True),
        ({"b": 1}, False),
        ({"z": None}, True),
        ({"absent": None}, True),
        ({"s": ["a", "x"], "n": [1, 2]}, True),
        ({"s": "a", "n": 2}, False),
        ({}, True),
    ],
)
def test_filters_compare_as_json(wanted: dict[str, Any], *, expected: bool) -> None:
    """Values are equal as JSON values are; all names must hold; a list is any of its values."""
    assert matcher(wanted)({"n": 1, "b": True, "s": "x", "z": None}) is expected
