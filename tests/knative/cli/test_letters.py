"""`tendril deadletters`: what is asked of the platform and how its answers are shown."""

from __future__ import annotations

import json
from typing import Any

import pytest

LETTERS = "/services/flow/deadletters"
LETTER = {
    "id": "d1",
    "status": "open",
    "reason": "Validation: not a PDF",
    "code": 400,
    "storedAt": "2026-01-01T00:00:00Z",
    "trigger": "",
    "run": "r1",
    "task": "/do/0/store#1",
    "tool": "text-collection",
    "event": {"id": "e1"},
}


def test_list_shows_why_and_where(tendril: Any, platform: Any) -> None:
    """Filters go along; reason, tool and run are in the table."""
    platform.answer(f"GET {LETTERS}", {"deadletters": [LETTER]})
    done = tendril("deadletters", "list", "--tool", "text-collection", "--status", "open")
    assert done.returncode == 0
    for shown in ("d1", "not a PDF", "text-collection", "r1"):
        assert shown in done.stdout
    query = {"tool": "text-collection", "status": "open", "limit": "50"}
    assert platform.requests[0]["query"] == query


def test_an_empty_list_says_so_on_stderr(tendril: Any, platform: Any) -> None:
    """Nothing stands on stdout when there is nothing; JSON is still JSON."""
    platform.answer(f"GET {LETTERS}", {"deadletters": []})
    done = tendril("deadletters", "list")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "no dead letters\n")
    assert json.loads(tendril("deadletters", "list", "--json").stdout) == {"deadletters": []}


def test_show_prints_one_whole(tendril: Any, platform: Any) -> None:
    """The letter is printed as the platform has it."""
    platform.answer(f"GET {LETTERS}/d1", LETTER)
    assert json.loads(tendril("deadletters", "show", "d1").stdout) == LETTER


def test_redrive_one_with_another_input(tendril: Any, platform: Any) -> None:
    """--input is what the task gets instead."""
    platform.answer(f"POST {LETTERS}/d1/redrive", {"id": "d1", "run": "r1"}, status=202)
    done = tendril("deadletters", "redrive", "d1", "--input", '{"text": "whole"}')
    assert done.returncode == 0
    assert "tendril trace r1" in done.stdout
    assert json.loads(platform.requests[0]["body"]) == {"input": {"text": "whole"}}


def test_redrive_one_as_it_was(tendril: Any, platform: Any) -> None:
    """Without --input the task's own input is used."""
    platform.answer(f"POST {LETTERS}/d1/redrive", {"id": "d1", "run": "r1"}, status=202)
    done = tendril("deadletters", "redrive", "d1", "--json")
    assert json.loads(done.stdout) == {"id": "d1", "run": "r1"}
    assert json.loads(platform.requests[0]["body"]) == {}


def test_redrive_one_on_a_newer_version(tendril: Any, platform: Any) -> None:
    """--flow-version makes a new run, which is the one to look at."""
    platform.answer(f"POST {LETTERS}/d1/redrive", {"id": "d1", "run": "r2"}, status=202)
    done = tendril("deadletters", "redrive", "d1", "--flow-version", "2.0.0")
    assert "tendril trace r2" in done.stdout
    assert json.loads(platform.requests[0]["body"]) == {"flowVersion": "2.0.0"}


def test_redrive_by_filter_can_be_tried_first(tendril: Any, platform: Any) -> None:
    """--dry-run says which letters the filter selects."""
    selected = {"selected": ["d1", "d2"], "redriven": [], "refused": []}
    platform.answer(f"POST {LETTERS}/redrive", selected, status=202)
    done = tendril("deadletters", "redrive", "--tool", "llm", "--reason", "429", "--dry-run")
    assert done.returncode == 0
    assert "d2" in done.stdout
    assert "nothing was redriven" in done.stderr
    body = json.loads(platform.requests[0]["body"])
    assert body == {"filter": {"tool": "llm", "reason": "429"}, "dryRun": True}


def test_a_refused_redrive_is_the_callers_mistake(tendril: Any, platform: Any) -> None:
    """A 409 is exit code 2 with the platform's reason."""
    refusal = {"title": "Not open", "status": 409, "detail": "d1 was redriven already"}
    platform.answer(f"POST {LETTERS}/d1/redrive", refusal, status=409)
    done = tendril("deadletters", "redrive", "d1")
    assert (done.returncode, json.loads(done.stderr)) == (2, refusal)


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("d1", "--tool", "llm"),
        ("d1", "--dry-run"),
        ("--tool", "llm", "--input", "{}"),
        ("--tool", "llm", "--flow-version", "2.0.0"),
        ("d1", "--input", "{}", "--flow-version", "2.0.0"),
    ],
)
def test_unclear_redrives_are_refused(tendril: Any, platform: Any, arguments: Any) -> None:
    """One id or filters, never both and never neither; nothing is asked of the platform."""
    assert tendril("deadletters", "redrive", *arguments).returncode == 2
    assert platform.requests == []
