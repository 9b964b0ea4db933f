"""HTTP calls to a real server: requests, outputs, errors."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from pydantic import ValidationError

from events.errors import ErrorType, RetryableError, ToolError
from functions.host.egress import EgressPolicy, EgressRefused, session
from functions.http.handler import handle
from functions.http.models import In

if TYPE_CHECKING:
    from functions.host.context import Context


async def call(context: Context, endpoint: Any, method: str = "get", **members: Any) -> Any:
    """Call and return the task's output as the host records it."""
    request = In.model_validate({"method": method, "endpoint": endpoint, **members})
    result = await handle(request, context)
    return result.model_dump(mode="json", by_alias=True, exclude_none=True)


async def test_json_is_deserialised(server: Any, context: Context) -> None:
    """Content is the JSON value, nulls included; the endpoint may be an object."""
    for endpoint in (f"{server.url}/json", {"uri": f"{server.url}/json"}):
        assert await call(context, endpoint) == {"name": "milou", "owner": None}


@pytest.mark.parametrize(
    ("media", "sent", "content"),
    [
        ("application/problem+json", "[1]", [1]),
        ("text/plain; charset=utf-8", "Grüße", "Grüße"),
        ("text/html", "<p>", "<p>"),
        ("text/plain; charset=none-such", "x", "x"),
        ("application/xml", "<a/>", "<a/>"),
        ("application/octet-stream", "x", "eA=="),
        ("image/png", "x", "eA=="),
        ("application/json", "", None),
    ],
)
async def test_content_follows_the_media_type(
    server: Any, context: Context, media: str, sent: str, content: Any
) -> None:
    """JSON is a value, text a string, anything else base64, and nothing is null."""
    query = {"type": media}
    url = f"{server.url}/body"
    assert await call(context, url, "post", query=query, body=sent) == content


async def test_raw_is_base64(server: Any, context: Context) -> None:
    """Raw output is the body in base64 whatever it is, and null when there is none."""
    raw = await call(context, f"{server.url}/json", output="raw")
    assert orjson.loads(base64.b64decode(raw)) == {"name": "milou", "owner": None}
    assert await call(context, f"{server.url}/body", output="raw") is None


async def test_a_response_has_the_dsls_members(server: Any, context: Context) -> None:
    """Response output has request, statusCode, headers and content; credentials are masked."""
    url = f"{server.url}/json"
    headers = {"Authorization": "Bearer secret", "X-Number": 7}
    response = await call(context, url, "GET", output="response", headers=headers)
    assert response["request"] == {
        "method": "get",
        "uri": url,
        "headers": {"Authorization": "***", "X-Number": "7"},
    }
    assert response["statusCode"] == 200
    assert response["headers"]["Content-Type"].startswith("application/json")
    assert response["content"]["name"] == "milou"
    assert server.seen[0]["headers"]["Authorization"] == "Bearer secret"


async def test_query_parameters_are_added(server: Any, context: Context) -> None:
    """Parameters join those of the URI; lists repeat, nulls are left out, text is escaped."""
    query = {"a": [1, "x y"], "b": None, "c": True, "d": "&="}
    await call(context, f"{server.url}/json?a=0", query=query)
    assert server.seen[0]["path"] == "/json?a=0&a=1&a=x+y&c=true&d=%26%3D"


@pytest.mark.parametrize(
    ("body", "headers", "sent", "media"),
    [
        ({"a": [None, "ü"]}, {}, '{"a":[null,"ü"]}', "application/json"),
        ([1], {"content-type": "application/x+json"}, "[1]", "application/x+json"),
        (False, {}, "false", "application/json"),
        ("text", {}, "text", "text/plain; charset=utf-8"),
        ('{"a":1}', {"Content-Type": "application/json"}, '{"a":1}', "application/json"),
        (
            {"a": "1 2", "b": 3},
            {"Content-Type": "application/x-www-form-urlencoded"},
            "a=1+2&b=3",
            "application/x-www-form-urlencoded",
        ),
    ],
)
async def test_a_body_is_sent_as_its_type_says(
    server: Any, context: Context, body: Any, headers: dict[str, str], sent: str, media: str
) -> None:
    """Text goes as it is, values as JSON, forms as forms."""
    await call(context, f"{server.url}/json", "post", body=body, headers=headers)
    assert server.seen[0]["body"].decode() == sent
    assert server.seen[0]["headers"]["Content-Type"] == media


async def test_methods_with_an_effect_carry_the_idempotency_key(
    server: Any, context: Context
) -> None:
    """The task's key goes with POST and not with GET; the input may replace or drop it."""
    url = f"{server.url}/json"
    await call(context, url, "get")
    await call(context, url, "post")
    await call(context, url, "post", headers={"idempotency-key": "mine"})
    await call(context, url, "post", headers={"Idempotency-Key": ""})
    keys = [
        {name.lower(): value for name, value in seen["headers"].items()}.get("idempotency-key")
        for seen in server.seen
    ]
    assert keys == [None, "key-of-the-task", "mine", None]


@pytest.mark.parametrize("status", [400, 401, 404, 409, 422, 500, 501])
async def test_other_statuses_are_terminal(server: Any, context: Context, status: int) -> None:
    """They are of type communication with their status and the body's beginning."""
    with pytest.raises(ToolError, match=f"this is {status}") as caught:
        await call(context, f"{server.url}/status/{status}")
    assert not isinstance(caught.value, RetryableError)
    assert caught.value.problem.type == ErrorType.COMMUNICATION
    assert caught.value.problem.status == status


@pytest.mark.parametrize("status", [408, 425, 429, 502, 503, 504])
async def test_passing_statuses_are_retryable(server: Any, context: Context, status: int) -> None:
    """They wait as long as Retry-After says."""
    url = f"{server.url}/status/{status}?Retry-After=7"
    with pytest.raises(RetryableError) as caught:
        await call(context, url, "post")
    assert caught.value.retry_after == 7.0
    assert caught.value.problem.status == status


async def test_what_may_have_been_done_is_not_repeated(server: Any, context: Context) -> None:
    """A POST without a key is not sent again after 502, a reset or a timeout."""
    for path in ("status/502", "reset", "half"):
        with pytest.raises(ToolError) as caught:
            await call(context, f"{server.url}/{path}", "post", headers={"Idempotency-Key": ""})
        assert not isinstance(caught.value, RetryableError)
        with pytest.raises(RetryableError):
            await call(context, f"{server.url}/{path}", "get")


@pytest.mark.parametrize("status", [301, 302, 304, 307])
async def test_redirects_are_errors_unless_wanted(
    server: Any, context: Context, status: int
) -> None:
    """Statuses 300-399 are errors by default and results with `redirect`; none is followed."""
    url = f"{server.url}/status/{status}?Location=/json"
    with pytest.raises(ToolError) as caught:
        await call(context, url)
    assert caught.value.problem.status == status
    response = await call(context, url, redirect=True, output="response")
    assert (response["statusCode"], response["headers"]["Location"]) == (status, "/json")
    assert all(seen["path"].startswith("/status") for seen in server.seen)


async def test_a_hanging_server_times_out(
    server: Any, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No answer in time is retryable for a GET, with the setting's name."""
    monkeypatch.setenv("TENDRIL_HTTP_TIMEOUT", "0.2")
    with pytest.raises(RetryableError, match="TENDRIL_HTTP_TIMEOUT") as caught:
        await call(context, f"{server.url}/hang")
    assert caught.value.problem.status == 504


async def test_an_endless_response_is_cut(
    server: Any, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A response over the limit ends the call with an error instead of filling memory."""
    monkeypatch.setenv("TENDRIL_HTTP_MAX_BYTES", "100000")
    with pytest.raises(ToolError, match=r"more than 100000 bytes.*TENDRIL_HTTP_MAX_BYTES"):
        await call(context, f"{server.url}/endless")


async def test_a_response_at_the_limit_passes(
    server: Any, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limit itself is allowed."""
    monkeypatch.setenv("TENDRIL_HTTP_MAX_BYTES", "1000")
    url = f"{server.url}/body?type=text/plain"
    assert await call(context, url, "post", body="x" * 1000) == "x" * 1000
    with pytest.raises(ToolError, match="more than 1000"):
        await call(context, url, "post", body="x" * 1001)


async def test_json_that_is_none_is_an_invalid_response(server: Any, context: Context) -> None:
    """The error shows what came instead; raw output takes it."""
    url = f"{server.url}/body?type=application/json"
    with pytest.raises(ToolError, match="not json at all") as caught:
        await call(context, url, "post", body="not json at all")
    assert caught.value.problem.type == ErrorType.COMMUNICATION
    assert await call(context, url, "post", body="x", output="raw") == "eA=="


async def test_nobody_listening_is_retryable(context: Context) -> None:
    """A refused connection is retryable for every method: nothing was sent."""
    with pytest.raises(RetryableError) as caught:
        await call(context, "http://127.0.0.1:1/", "post", headers={"Idempotency-Key": ""})
    assert caught.value.problem.type == ErrorType.COMMUNICATION


@pytest.mark.parametrize(
    "uri", ["ftp://a.test/", "file:///etc/passwd", "/relative", "http://", "x"]
)
async def test_a_wrong_uri_is_a_validation_error(context: Context, uri: str) -> None:
    """What cannot be called is refused before anything is sent."""
    with pytest.raises(ToolError, match="URI") as caught:
        await call(context, uri)
    assert caught.value.problem.type == ErrorType.VALIDATION


async def test_a_header_cannot_smuggle_another(server: Any, context: Context) -> None:
    """A line break in a header is refused."""
    with pytest.raises(ToolError, match="line break"):
        await call(context, f"{server.url}/json", headers={"A": "b\r\nC: d"})
    assert server.seen == []


@pytest.mark.parametrize("method", ["", "GET /x", "G\r\nT"])
def test_a_wrong_method_is_refused(method: str) -> None:
    """A method is a word."""
    with pytest.raises(ValidationError):
        In(method=method, endpoint="http://a.test")


async def test_the_egress_policy_holds(server: Any, context: Context) -> None:
    """Without the operator's leave the tool reaches no loopback server."""
    async with session(EgressPolicy()) as http:
        with pytest.raises(EgressRefused):
            await call(replace(context, http=http), f"{server.url}/json")
    assert server.seen == []
