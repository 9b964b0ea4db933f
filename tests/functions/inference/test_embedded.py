"""The embedded engine, served by a real process."""

from __future__ import annotations

import json
import time
import urllib.error
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from functions.inference.embedded import drain

if TYPE_CHECKING:
    from collections.abc import Callable

SOURCES = [
    "The Skerry lighthouse was built in 1874 by the engineer Anna Lindqvist; it is 31 metres high.",
    "The lamp flashes twice every fifteen seconds and can be seen from 18 nautical miles.",
    "The keeper's house is now a small museum, open from May to September.",
]


def test_the_probe_names_the_model(inference: Any) -> None:
    """Ready means that the model is listed; health says ok."""
    assert inference.get("/v1/models")["data"][0]["id"] == "smollm2-135m-instruct"
    assert inference.get("/health") == {"status": "ok"}


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("who built the Skerry lighthouse?", "Anna Lindqvist"),
        ("how high is the lighthouse?", "31"),
        ("when is the museum open?", "May"),
    ],
)
def test_a_question_is_answered_from_its_sources(
    inference: Any, question: str, answer: str
) -> None:
    """At temperature 0 the model answers an extractive question with the sources' words."""
    prompt = "\n".join(SOURCES) + f"\n\nAccording to the text above, {question}"
    assert answer in inference.chat(prompt)["choices"][0]["message"]["content"]


def test_usage_and_finish_are_told(inference: Any) -> None:
    """The tokens are counted, and an answer cut short says so."""
    answer = inference.chat("Write about the sea.", max_tokens=5)
    assert answer["choices"][0]["finish_reason"] == "length"
    assert answer["usage"]["completion_tokens"] == 5
    assert answer["usage"]["total_tokens"] == answer["usage"]["prompt_tokens"] + 5


def test_a_schema_shapes_the_answer(inference: Any) -> None:
    """With a JSON schema the content is JSON of that shape."""
    schema = {
        "type": "object",
        "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
        "required": ["name", "age"],
        "additionalProperties": False,
    }
    form = {"type": "json_schema", "json_schema": {"name": "cat", "schema": schema}}
    answer = inference.chat("The cat Tom is 3 years old. Name and age?", response_format=form)
    assert json.loads(answer["choices"][0]["message"]["content"]) == {"name": "Tom", "age": 3}


def test_requests_are_worked_on_at_once(inference: Any) -> None:
    """More requests than slots all end, each with its own answer."""
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda n: inference.chat(f"Say {n}.", max_tokens=8), range(6)))
    assert all(answer["choices"][0]["message"]["content"] for answer in answers)


def test_a_prompt_beyond_the_context_is_a_400(inference: Any) -> None:
    """Too long a prompt is the caller's error, with the reason."""
    with pytest.raises(urllib.error.HTTPError) as caught:
        inference.chat("word " * 6000)
    with caught.value as error:
        assert error.code == 400
        assert "context" in error.read().decode()


def test_a_stop_lets_a_running_request_end(start: Callable[..., Any]) -> None:
    """SIGTERM in the middle of an answer: the answer arrives whole, then the process ends."""
    service = start()
    service.wait_ready()
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(service.chat, "Tell a story.", max_tokens=120, ignore_eos=True)
        deadline = time.monotonic() + 20
        while not any(slot["is_processing"] for slot in service.get("/slots")):
            assert time.monotonic() < deadline
        service.terminate()
        assert answer.result()["usage"]["completion_tokens"] == 120
    status, _, err = service.end()
    assert status == 0
    assert "stopping, idle" in err


def test_a_stop_does_not_wait_longer_than_it_may(start: Callable[..., Any]) -> None:
    """Past the drain time the process ends, whatever is running."""
    service = start(TENDRIL_INFERENCE_DRAIN="0.1")
    service.wait_ready()
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(service.chat, "Tell a story.", max_tokens=3000, ignore_eos=True)
        deadline = time.monotonic() + 20
        while not any(slot["is_processing"] for slot in service.get("/slots")):
            assert time.monotonic() < deadline
        stopped = time.monotonic()
        service.terminate()
        status, _, err = service.end()
        assert time.monotonic() - stopped < 5
        assert isinstance(answer.exception(), OSError | ValueError | EOFError)
    assert status == 0
    assert "with requests unanswered" in err


def test_a_port_in_use_is_said(inference: Any, start: Callable[..., Any]) -> None:
    """The service ends with status 1 and a message that names the port."""
    status, _, err = start(PORT=str(inference.port)).end()
    assert status == 1
    assert f"did not start on port {inference.port}" in err


def test_draining_ends_with_the_last_request() -> None:
    """Draining polls until nothing is busy, and tells whether it gave up."""
    states = [True, True, False]
    assert drain(lambda: states.pop(0), 5)
    assert states == []
    assert not drain(lambda: True, 0)
