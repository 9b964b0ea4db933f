"""The demo's documents, found by the questions that people would ask."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Ask = Callable[..., Awaitable[dict[str, Any]]]

CROSS_LINGUAL = [
    ("员工每年有多少天带薪年假?", "leave.md"),
    ("马洛传感器的电池能用多久?", "marlow-sensor.html"),
    ("传感器保修几年?", "warranty.pdf"),
    ("新员工向谁领取笔记本电脑?", "onboarding.txt"),
    ("How many days a week may I work from home?", "remote-work-zh.md"),
    ("How often must a soil sensor be calibrated?", "calibration-zh.html"),
    ("What is the most a hotel may cost per night on a business trip?", "travel-zh.docx"),
    ("For how long are database backups kept?", "backup-zh.txt"),
]
WORDS = [
    ("anti-lightning", "warranty.pdf"),
    ("IP67", "marlow-sensor.html"),
    ("soldering benches", "onboarding.txt"),
    ("蒸馏水", "calibration-zh.html"),
    ("高铁", "travel-zh.docx"),
    ("椅", "remote-work-zh.md"),
    ("\uff29\uff30\uff16\uff17", "marlow-sensor.html"),  # IP67 in full-width letters
]


@pytest.mark.parametrize("mode", ["hybrid", "vector"])
async def test_each_document_answers_its_question(
    ask: Ask, questions: list[dict[str, str]], mode: str
) -> None:
    """For every document, a question in its language finds it first, with the answer in it."""
    for asked in questions:
        found = (await ask(asked["question"], mode=mode))["results"][0]
        assert found["document"] == asked["document"], asked
        assert asked["answer"] in " ".join(found["text"].split())


@pytest.mark.parametrize(("question", "document"), CROSS_LINGUAL)
@pytest.mark.parametrize("mode", ["hybrid", "vector"])
async def test_a_question_finds_an_answer_in_another_language(
    ask: Ask, question: str, document: str, mode: str
) -> None:
    """A Chinese question finds an English document among the first three, and the reverse."""
    results = (await ask(question, limit=3, mode=mode))["results"]
    assert document in [result["document"] for result in results]


@pytest.mark.parametrize(("words", "document"), WORDS)
async def test_words_are_found_in_any_script(ask: Ask, words: str, document: str) -> None:
    """Keyword search finds English by stem and Chinese by one, two or more characters."""
    results = (await ask(words, mode="keyword"))["results"]
    assert results[0]["document"] == document


async def test_a_result_says_where_it_stands(ask: Ask) -> None:
    """A result carries its heading path or its page, its title, source, scores and metadata."""
    sensor = (await ask("protection class and weight of the sensor"))["results"][0]
    assert sensor["position"]["headings"][0] == "Marlow soil sensor"
    assert sensor["title"] == "Marlow soil sensor: product notes"
    assert 0.7 < sensor["similarity"] <= 1
    goods = (await ask("return unused goods for a refund"))["results"][0]
    assert (goods["document"], goods["position"]["page"]) == ("warranty.pdf", 2)
    assert (goods["source"], goods["metadata"]["language"]) == ("warranty.pdf", "en")


async def test_scores_fall(ask: Ask) -> None:
    """Results are ordered by score and no more than asked for, in every mode."""
    for mode in ("hybrid", "vector", "keyword"):
        results = (await ask("sensor battery", limit=4, mode=mode))["results"]
        scores = [result["score"] for result in results]
        assert scores == sorted(scores, reverse=True)
        assert 1 <= len(scores) <= 4


@pytest.mark.parametrize(
    ("wanted", "languages"),
    [
        ({"language": "zh"}, {"zh"}),
        ({"language": ["zh", "en"]}, {"zh", "en"}),
        ({"language": "fr"}, set()),
        ({"language": []}, set()),
        ({"missing": "x"}, set()),
        ({"language": "en", "bytes": "1"}, set()),
        ({'language") OR ("1': "en"}, set()),
    ],
)
@pytest.mark.parametrize("mode", ["hybrid", "vector", "keyword"])
async def test_metadata_filters(
    ask: Ask, wanted: dict[str, Any], languages: set[str], mode: str
) -> None:
    """Only documents whose metadata equal a value, or are in a list, come back."""
    results = (await ask("sensor 传感器", filter=wanted, limit=50, mode=mode))["results"]
    assert {result["metadata"]["language"] for result in results} == languages


@pytest.mark.parametrize(
    "query",
    [
        '"',
        "'",
        'battery"',
        "a AND",
        "NOT",
        "NEAR(",
        "*",
        "body:battery",
        "(",
        "- ^ :",
        "\0",
        "%;--",
        '") OR 1=1 --',
        "🙂",
        " ",
        "年" * 600,
        "a1 b2 " * 150,
    ],
)
async def test_a_query_is_never_syntax(ask: Ask, query: str) -> None:
    """Whatever is asked is looked up as words; nothing of it reaches FTS5's grammar or SQL."""
    for mode in ("hybrid", "keyword"):
        assert isinstance((await ask(query, mode=mode))["results"], list)
