"""Asking providers that answer, refuse, hang, break and talk nonsense."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from events.errors import ErrorType, RetryableError, ToolError
from functions.host.context import Resources
from functions.llm.handler import handle
from functions.llm.models import In

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from functions.host.context import Context

CAT = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": ["integer", "null"]}},
    "required": ["name", "age"],
}
TOO_MANY = web.Response(status=429, headers={"Retry-After": "20"}, text="slow down")


def answer(content: Any, **members: Any) -> dict[str, Any]:
    """Return a completion with this content."""
    choice = {"finish_reason": members.pop("finish", "stop"), "message": {"content": content}}
    return {"choices": [choice]} | members


async def ask(context: Context, **members: Any) -> dict[str, Any]:
    """Ask and return the task's output as the host records it."""
    result = await handle(In.model_validate({"prompt": "Hi"} | members), context)
    return result.model_dump(mode="json", by_alias=True, exclude_none=True)


async def test_an_answer_has_text_usage_and_who_gave_it(
    first: Any, configure: Callable[..., None], context: Context
) -> None:
    """The output names provider and model and counts the tokens."""
    configure(first)
    out = await ask(context)
    attempt = out.pop("attempts")[0]
    assert out == {
        "text": "hello",
        "model": "real-name",
        "provider": "first",
        "finish_reason": "stop",
        "usage": {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5},
    }
    assert (attempt["provider"], attempt["outcome"]) == ("first", "answered")


async def test_the_request_is_the_apis(
    first: Any,
    configure: Callable[..., None],
    context: Context,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What is set is sent, what is not is left out; key and credentials go as headers."""
    configure(first, api_key_env="THE_KEY")
    monkeypatch.setenv("THE_KEY", "secret")
    await ask(context, temperature=0, max_tokens=9, stop=["\n"], seed=4, top_p=0.5, model="other")
    assert first.seen == [
        {
            "model": "other",
            "messages": [{"role": "user", "content": "Hi"}],
            "max_tokens": 9,
            "temperature": 0,
            "top_p": 0.5,
            "stop": ["\n"],
            "seed": 4,
        }
    ]
    assert first.headers[0]["Authorization"] == "Bearer secret"
    assert first.headers[0]["Idempotency-Key"] == "key-of-the-task"
    await ask(context)
    assert first.seen[1] == {
        "model": "model-first",
        "messages": [{"role": "user", "content": "Hi"}],
        "max_tokens": 1024,
    }


async def test_a_conversation_is_sent_as_it_is(
    first: Any, configure: Callable[..., None], context: Context
) -> None:
    """Messages arrive unchanged and in order, parts of the API included; `system` comes first."""
    configure(first)
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA==", "detail": 0}}
    talk = [
        {"role": "system", "content": "Be brief. {{ no_template }}"},
        {"role": "user", "content": "What is this?"},
        {"role": "assistant", "content": "Show me."},
        {"role": "user", "content": [{"type": "text", "text": "Here: "}, picture]},
    ]
    assert (await ask(context, prompt=None, messages=talk))["text"] == "hello"
    await ask(context, prompt=None, messages=talk[1:], system="Be brief. {{ no_template }}")
    assert [seen["messages"] for seen in first.seen] == [talk, talk]


async def test_a_schema_gives_a_parsed_answer(
    first: Any, configure: Callable[..., None], context: Context
) -> None:
    """The schema is sent as response_format; the answer is validated and parsed, nulls kept."""
    configure(first)
    first.script = [answer('{"name": "Tom", "age": null}')]
    assert (await ask(context, schema=CAT))["json"] == {"name": "Tom", "age": None}
    sent = first.seen[0]["response_format"]
    assert sent == {"type": "json_schema", "json_schema": {"name": "answer", "schema": CAT}}


@pytest.mark.parametrize(
    "turn",
    [
        web.Response(status=500, text="boom"),
        web.Response(status=503),
        "reset",
        b"<html>not the API</html>",
        b"",
        b"[]",
        b"null",
        b'{"choices": []}',
        b'{"choices": [{}]}',
        b'{"choices": [{"message": null}]}',
        {"choices": [{"message": {"content": None}}]},
        {"error": "nothing here"},
    ],
)
async def test_what_is_no_answer_goes_to_the_next_provider(
    first: Any, second: Any, configure: Callable[..., None], context: Context, turn: Any
) -> None:
    """Errors of the server, resets and nonsense are noted and the fallback answers."""
    configure(first, second)
    first.script = [turn]
    out = await ask(context)
    assert out["provider"] == "second"
    assert out["model"] == "real-name"
    assert second.seen[0]["model"] == "model-second"
    failed = out["attempts"][0]
    assert failed["outcome"] in {"unavailable", "unusable"}
    assert failed["detail"]


@pytest.mark.parametrize(
    ("turn", "shown"),
    [
        (web.Response(status=502, text="bad gateway"), "502: bad gateway"),
        (b"<html>" + b"x" * 5000, "no chat completion but '<html>xxx"),
        ("reset", "did not answer"),
    ],
)
async def test_without_a_fallback_the_error_is_retryable_and_shows_what_came(
    first: Any, configure: Callable[..., None], context: Context, turn: Any, shown: str
) -> None:
    """The message names the provider and the beginning of what it sent."""
    configure(first)
    first.script = [turn]
    with pytest.raises(RetryableError, match=f"first.*{shown}") as caught:
        await ask(context)
    assert len(str(caught.value)) < 700
    assert caught.value.retry_after is None


async def test_a_hanging_provider_is_left_for_the_next(
    first: Any, second: Any, configure: Callable[..., None], context: Context
) -> None:
    """A provider has its own timeout, within the task's."""
    configure(first, second, timeout=0.3)
    first.script = ["hang"]
    out = await ask(context)
    assert out["provider"] == "second"
    assert "longer than 0.3 s" in out["attempts"][0]["detail"]


async def test_the_tasks_own_time_bounds_all_providers(
    first: Any, second: Any, configure: Callable[..., None], context: Context
) -> None:
    """With no time left the error is retryable before the host's timeout strikes."""
    configure(first, second)
    first.script = ["hang"]
    started = time.monotonic()
    with pytest.raises(RetryableError, match="first: first took longer"):
        await ask(replace(context, timeout=1.3))
    assert time.monotonic() - started < 1.3
    assert second.seen == []


async def test_429_goes_to_the_next_provider(
    first: Any, second: Any, configure: Callable[..., None], context: Context
) -> None:
    """A busy provider is not waited for while another may answer."""
    configure(first, second)
    first.script = [TOO_MANY]
    out = await ask(context)
    assert [attempt["outcome"] for attempt in out["attempts"]] == ["busy", "answered"]


async def test_when_all_are_busy_the_soonest_is_waited_for(
    first: Any, second: Any, configure: Callable[..., None], context: Context
) -> None:
    """The retry is due when the first of them is free again."""
    configure(first, second)
    first.script = [TOO_MANY]
    second.script = [web.Response(status=429, headers={"Retry-After": "7"})]
    with pytest.raises(RetryableError, match="slow down") as caught:
        await ask(context)
    assert caught.value.retry_after == 7.0


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, ErrorType.VALIDATION),
        (401, ErrorType.AUTHENTICATION),
        (403, ErrorType.AUTHORIZATION),
        (404, ErrorType.CONFIGURATION),
        (402, ErrorType.COMMUNICATION),
        (302, ErrorType.COMMUNICATION),
    ],
)
async def test_a_refusal_is_terminal(
    first: Any,
    second: Any,
    configure: Callable[..., None],
    context: Context,
    status: int,
    kind: str,
) -> None:
    """The provider's own message is the error's; nobody else is asked."""
    configure(first, second)
    error = {"error": {"message": "the model `x` does not exist"}}
    first.script = [web.Response(status=status, text=json.dumps(error))]
    with pytest.raises(ToolError, match=r"first answered .*does not exist") as caught:
        await ask(context)
    assert not isinstance(caught.value, RetryableError)
    assert (caught.value.problem.type, caught.value.problem.status) == (kind, status)
    assert second.seen == []


async def test_an_answer_off_the_schema_is_retryable(
    first: Any, configure: Callable[..., None], context: Context
) -> None:
    """JSON of another shape, or none, is shown and tried again; cut short, it is not."""
    configure(first)
    for content in ('{"name": 3}', "Tom is 3."):
        first.script = [answer(content)]
        with pytest.raises(RetryableError, match="not of the schema"):
            await ask(context, schema=CAT)
    first.script = [answer('{"name": "To', finish="length")]
    with pytest.raises(ToolError, match="max_tokens") as caught:
        await ask(context, schema=CAT)
    assert not isinstance(caught.value, RetryableError)


async def test_one_provider_can_be_asked_alone(
    first: Any, second: Any, configure: Callable[..., None], context: Context
) -> None:
    """A named provider has no fallback, and an unknown one is named with those there are."""
    configure(first, second)
    assert (await ask(context, provider="second"))["provider"] == "second"
    assert first.seen == []
    with pytest.raises(ToolError, match=r"'third'.*first, second") as caught:
        await ask(context, provider="third")
    assert caught.value.problem.type == ErrorType.CONFIGURATION


async def test_a_key_may_stand_in_the_dotenv_file_beside_the_providers(
    first: Any, context: Context, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Both are read from `.env`; the environment's key wins."""
    provider = {"name": "first", "url": first.url, "api_key_env": "A_KEY"}
    (tmp_path / ".env").write_text(f"TENDRIL_LLM_PROVIDERS='{json.dumps([provider])}'\nA_KEY=filed")
    monkeypatch.chdir(tmp_path)
    assert (await ask(context))["provider"] == "first"
    assert first.headers[-1]["Authorization"] == "Bearer filed"
    monkeypatch.setenv("A_KEY", "set")
    async with aclosing(Resources()) as anew:
        await ask(replace(context, resources=anew))
    assert first.headers[-1]["Authorization"] == "Bearer set"


async def test_a_missing_key_names_its_variable(
    first: Any, configure: Callable[..., None], context: Context
) -> None:
    """A key that is not set is a configuration error, found before anything is sent."""
    configure(first, api_key_env="NO_SUCH_KEY")
    with pytest.raises(ToolError, match="NO_SUCH_KEY is not set"):
        await ask(context)
    assert first.seen == []


async def test_wrong_settings_are_a_configuration_error(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A provider without a URL is named by its setting."""
    monkeypatch.setenv("TENDRIL_LLM_PROVIDERS", '[{"name": "x"}]')
    with pytest.raises(ToolError, match="TENDRIL_LLM_") as caught:
        await ask(context)
    assert caught.value.problem.type == ErrorType.CONFIGURATION


async def test_failures_open_the_circuit_and_one_probe_closes_it(
    first: Any,
    second: Any,
    configure: Callable[..., None],
    context: Context,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After failures in a row a provider rests; then one request tries it, and it is back."""
    monkeypatch.setenv("TENDRIL_LLM_BREAKER_FAILURES", "2")
    monkeypatch.setenv("TENDRIL_LLM_BREAKER_SECONDS", "0.4")
    configure(first, second)
    first.script = [web.Response(status=500), web.Response(status=500), "hang"]
    for _ in range(2):
        await ask(context)
    resting = (await ask(context))["attempts"][0]
    assert (resting["outcome"], len(first.seen)) == ("resting", 2)

    probe = await _probe(first, context)
    beside = await asyncio.gather(*(ask(context) for _ in range(5)))
    assert {out["attempts"][0]["outcome"] for out in beside} == {"resting"}
    assert first.hanging == 1
    first.released.set()
    assert (await probe)["provider"] == "first"
    assert (await ask(context))["provider"] == "first"


async def _probe(provider: Any, context: Context) -> asyncio.Task[dict[str, Any]]:
    """Ask until one request reaches the provider, which holds it."""
    arrived = asyncio.create_task(provider.arrived.wait())
    deadline = time.monotonic() + 10
    while not arrived.done():
        assert time.monotonic() < deadline
        task = asyncio.create_task(ask(context))
        await asyncio.wait({task, arrived}, return_when=asyncio.FIRST_COMPLETED)
    return task


async def test_a_failed_probe_opens_the_circuit_again(
    first: Any,
    configure: Callable[..., None],
    context: Context,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One failure is enough while the provider is on probation; the wait is told."""
    monkeypatch.setenv("TENDRIL_LLM_BREAKER_FAILURES", "1")
    monkeypatch.setenv("TENDRIL_LLM_BREAKER_SECONDS", "0.3")
    configure(first)
    first.script = [web.Response(status=500)]
    deadline = time.monotonic() + 10
    while len(first.seen) < 3:
        assert time.monotonic() < deadline
        with pytest.raises(RetryableError) as caught:
            await ask(context)
        if "rests" in str(caught.value):
            assert caught.value.retry_after is not None
            assert 0 <= caught.value.retry_after <= 0.3
        await asyncio.sleep(0.02)


async def test_an_answering_provider_is_never_rested(
    first: Any,
    configure: Callable[..., None],
    context: Context,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """429, refusals and answers off the schema are answers: the circuit stays closed."""
    monkeypatch.setenv("TENDRIL_LLM_BREAKER_FAILURES", "1")
    configure(first)
    first.script = [TOO_MANY, web.Response(status=400), answer("no JSON")]
    for _ in range(3):
        with pytest.raises(ToolError):
            await ask(context, schema=CAT)
    first.script = [answer("hello")]
    assert (await ask(context))["text"] == "hello"


async def test_failed_attempts_are_logged(
    first: Any,
    second: Any,
    configure: Callable[..., None],
    context: Context,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A fallback is visible in the log, without the question's text."""
    configure(first, second)
    first.script = [web.Response(status=500, text="boom")]
    with caplog.at_level(logging.WARNING):
        await ask(context, prompt="a private question")
    assert "unavailable: first answered 500: boom" in caplog.text
    assert "private" not in caplog.text
