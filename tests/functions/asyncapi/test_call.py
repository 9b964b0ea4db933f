"""AsyncAPI calls to real servers and brokers: documents, messages, subscriptions, refusals."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import aiomqtt
import pytest
from pydantic import ValidationError

from events.errors import ErrorType, RetryableError, ToolError
from functions.asyncapi.handler import handle
from functions.asyncapi.models import In
from functions.host.egress import EgressRefused
from tests.functions.asyncapi.calling import USER, call, described, of_old, until_done
from tests.support.ports import free_port

if TYPE_CHECKING:
    from functions.host.context import Context


async def test_a_message_is_published_over_http(http: Any, context: Context) -> None:
    """It is a request to the channel of the server, with the message's headers and the key."""
    document = described("http", f"127.0.0.1:{http.port}", pathname="/api")
    message = {"payload": {"text": "Grüße"}, "headers": {"X-N": 1}}
    assert await call(context, document, operation="greet", message=message) is None
    binding = {"bindings": {"http": {"method": "PUT"}}}
    document["operations"]["greet"] |= binding
    policy = {"bearer": {"token": "t"}}
    await call(context, document, operation="greet", message=message, authentication=policy)
    (first, second) = http.seen
    assert (first[0], json.loads(first[2])) == ("POST", {"text": "Grüße"})
    assert first[1]["X-N"] == "1"
    assert first[1]["Idempotency-Key"] == "key-of-the-task"
    assert (second[0], second[1]["Authorization"]) == ("PUT", "Bearer t")


async def test_a_document_of_2_has_channels(http: Any, context: Context) -> None:
    """The channel's publish or subscribe is done, at the first server that can be called."""
    document = of_old("http", f"http://127.0.0.1:{http.port}/{{at}}")
    http.gives = ['{"text": "a"}']
    await call(context, document, channel="greetings", message={"payload": {"text": "x"}})
    heard = await call(context, document, channel="greetings", subscription=until_done(amount=1))
    assert heard == [{"payload": {"text": "a"}, "headers": {}}]
    server = {"name": "main", "variables": {"at": "nowhere"}}
    with pytest.raises(ToolError, match="answered 404"):
        await call(
            context,
            document,
            channel="greetings",
            message={"payload": {"text": "x"}},
            server=server,
        )


@pytest.mark.parametrize("protocol", ["http", "ws"])
async def test_messages_are_consumed_as_they_come(
    http: Any, context: Context, protocol: str
) -> None:
    """By number, while and until a condition holds, filtered, and for a time at most."""
    document = described(protocol, f"127.0.0.1:{http.port}", pathname="/api")
    http.gives = [json.dumps({"text": text}) for text in "abcde"]

    async def heard(**subscription: Any) -> str:
        messages = await call(context, document, operation="hear", subscription=subscription)
        return "".join(each["payload"]["text"] for each in messages)

    assert await heard(**until_done(amount=3)) == "abc"
    assert await heard(**until_done(until="length == $context.n")) == "ab"
    assert await heard(**until_done(**{"while": "($context.consumedMessages|length)<4"})) == (
        "abcd"
    )
    odd = {"program": '.payload.text | test("[ace]")', "arguments": {}}
    assert await heard(filter=odd, **until_done(amount=2)) == "ac"
    assert await heard(**until_done(amount=9, **{"for": {"milliseconds": 300}})) == "abcde"
    assert await heard(**until_done(**{"while": "false"})) == ""


async def test_a_subscription_goes_on_after_another_call(
    http: Any, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was consumed before counts; a call gives what it has when its time is up."""
    monkeypatch.setenv("TENDRIL_ASYNCAPI_SUBSCRIPTION", "0.3")
    document = described("http", f"127.0.0.1:{http.port}", pathname="/api")
    http.gives = ['{"text": "c"}', '{"text": "d"}']
    before = [{"payload": {"text": text}, "headers": {}} for text in "ab"]

    async def goes_on(seconds: float, **consume: Any) -> dict[str, Any]:
        given = until_done(**consume) | {"after": {"messages": before, "seconds": seconds}}
        found: dict[str, Any] = await call(context, document, operation="hear", subscription=given)
        text = "".join(each["payload"]["text"] for each in found["messages"])
        assert found["seconds"] >= seconds
        return {"text": text, "over": found["over"], "error": "error" in found}

    done = {"over": True, "error": False}
    assert await goes_on(0, amount=3) == {"text": "c", **done}
    assert await goes_on(9, until="length == 4") == {"text": "cd", **done}
    assert await goes_on(9, amount=9, **{"for": "PT9.1S"}) == {"text": "cd", **done}
    assert await goes_on(9, amount=9, **{"for": "PT8S"}) == {"text": "", **done}
    for more in ({}, {"for": "PT30M"}):
        late = await goes_on(9, amount=9, **more)
        assert late == {"text": "cd", "over": False, "error": False}
    monkeypatch.setenv("TENDRIL_ASYNCAPI_SUBSCRIPTION", "60")
    monkeypatch.setenv("TENDRIL_ASYNCAPI_BATCH", "0.2")
    context.resources._made.clear()
    for more in ({}, {"for": "PT30M"}):
        soon = await asyncio.wait_for(goes_on(9, amount=9, **more), 20)
        assert soon == {"text": "cd", "over": False, "error": False}
    http.stays = False
    assert await goes_on(0, amount=9) == {"text": "cd", "over": False, "error": True}
    http.gives = []
    with pytest.raises(ToolError, match="ended the stream after 2 messages"):
        await goes_on(0, amount=9)


async def test_a_message_is_published_in_a_frame(http: Any, context: Context) -> None:
    """Its headers are the handshake's."""
    document = described("ws", f"127.0.0.1:{http.port}", pathname="/api")
    message = {"payload": {"text": "hi"}, "headers": {"X-N": "1"}}
    await call(context, document, operation="greet", message=message, authentication=USER)
    ((_, headers, text),) = http.seen
    assert json.loads(text) == {"text": "hi"}
    assert (headers["X-N"], headers["Authorization"][:5]) == ("1", "Basic")


async def test_a_stream_that_ends_early_is_an_error(http: Any, context: Context) -> None:
    """Lines of JSON are messages too; fewer than asked for are no result."""
    document = described("http", f"127.0.0.1:{http.port}", "lines", pathname="/api")
    http.gives = ['{"text": "a"}', '{"text": "b"}']
    given = until_done(amount=2)
    assert len(await call(context, document, operation="hear", subscription=given)) == 2
    with pytest.raises(ToolError, match="ended the stream after 2 messages"):
        await call(context, document, operation="hear", subscription=until_done(amount=3))


async def test_messages_go_over_nats(broker: int, talk: Any, context: Context) -> None:
    """Both ways, with headers, and with the task's key for a repeated one to be known by."""
    document = described("nats", f"127.0.0.1:{broker}", "greetings.all")
    inbox = await talk.subscribe("greetings.all")
    await talk.flush()
    message = {"payload": {"text": "hi"}, "headers": {"n": 1}}
    given = {"operation": "greet", "message": message, "authentication": USER}
    await call(context, document, **given)
    seen = await inbox.next_msg(5)
    assert json.loads(seen.data) == {"text": "hi"}
    assert (seen.headers["n"], seen.headers["Nats-Msg-Id"]) == ("1", "key-of-the-task")

    async def speak() -> None:
        while True:
            await talk.publish("greetings.all", b'{"text": "yo"}', headers={"correlationId": "7"})
            await asyncio.sleep(0.05)

    speaking = asyncio.create_task(speak())
    wanted = {"operation": "hear", "subscription": until_done(amount=2), "authentication": USER}
    heard = await call(context, document, **wanted)
    speaking.cancel()
    assert [each["payload"]["text"] for each in heard] == ["yo", "yo"]
    assert heard[0]["correlationId"] == "7"
    wrong = {"basic": {"username": "ada", "password": "x"}}
    with pytest.raises(ToolError, match="does not know us") as unknown:
        await call(context, document, **{**given, "authentication": wrong})
    assert unknown.value.problem.type == ErrorType.AUTHENTICATION


async def test_messages_go_over_mqtt(mqtt: int, context: Context) -> None:
    """Both ways; a retained message is heard by who subscribes after it."""
    document = described("mqtt", f"127.0.0.1:{mqtt}", "greetings/all")
    async with aiomqtt.Client("127.0.0.1", mqtt) as client:
        await client.subscribe("greetings/all")
        await call(context, document, operation="greet", message={"payload": {"text": "hi"}})
        seen = await anext(aiter(client.messages))
        assert json.loads(bytes(seen.payload)) == {"text": "hi"}
        await client.publish("greetings/all", '{"text": "kept"}', retain=True)
    heard = await call(context, document, operation="hear", subscription=until_done(amount=1))
    assert heard == [{"payload": {"text": "kept"}, "headers": {}}]


async def test_payloads_fit_the_document(http: Any, context: Context) -> None:
    """A message that is none of the channel's is not sent, and not taken."""
    document = described("http", f"127.0.0.1:{http.port}", pathname="/api")
    with pytest.raises(ToolError, match="does not fit its schema") as unfit:
        await call(context, document, operation="greet", message={"payload": {"text": 5}})
    assert unfit.value.problem.type == ErrorType.VALIDATION
    assert not http.seen
    http.gives = ["5"]
    with pytest.raises(ToolError, match="consumed message does not fit"):
        await call(context, document, operation="hear", subscription=until_done(amount=1))


async def test_a_subscription_has_an_end(
    http: Any, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that is never done is an error once the operator's limit is reached."""
    monkeypatch.setenv("TENDRIL_ASYNCAPI_SUBSCRIPTION", "0.3")
    document = described("http", f"127.0.0.1:{http.port}", pathname="/api")
    for consume in ({"amount": 1}, {"amount": 1, "for": "PT30M"}):
        with pytest.raises(ToolError, match=r"had 0 messages after 0\.3 s") as late:
            await call(context, document, operation="hear", subscription=until_done(**consume))
        assert late.value.problem.type == ErrorType.TIMEOUT


@pytest.mark.parametrize(
    ("document", "members", "reason"),
    [
        (
            described("kafka", "a.test"),
            {"operation": "greet"},
            r"main \(kafka\); spoken here",
        ),
        (described("http", "a.test"), {"operation": "gret"}, "did you mean 'greet'"),
        (described("http", "a.test"), {"channel": "x"}, "give 'operation'"),
        (described("http", "a.test"), {"operation": "greet", "protocol": "nats"}, "protocol nats"),
        (described("http", "a.test", "a/{b}"), {"operation": "greet"}, "has parameters"),
        (described("http", "{h}.test"), {"operation": "greet"}, "needs the variable 'h'"),
        (of_old("http", "a.test"), {"channel": "only"}, "has no 'publish'"),
        (of_old("http", "a.test"), {"operation": "x"}, "give 'channel'"),
        ({"asyncapi": "1.2.0"}, {"operation": "x"}, "2.x and 3.x can be called"),
        ({"openapi": "3.1.0"}, {"operation": "x"}, "no AsyncAPI document"),
    ],
)
async def test_documents_that_cannot_be_called(
    context: Context, document: dict[str, Any], members: dict[str, Any], reason: str
) -> None:
    """Each says what is missing, and what is there; it is a matter of configuration."""
    with pytest.raises(ToolError, match=reason) as unfit:
        await call(context, document, message={"payload": {"text": "x"}}, **members)
    assert unfit.value.problem.type == ErrorType.CONFIGURATION


@pytest.mark.parametrize("protocol", ["http", "ws", "nats", "mqtt", "mqtt5", "redis", "amqp"])
async def test_the_egress_policy_holds(
    context: Context, protocol: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that may not be reached is refused; one that is away is asked again."""
    document = described(protocol, f"127.0.0.1:{free_port()}")
    message = {"payload": {"text": "x"}}
    with pytest.raises(RetryableError):
        await call(context, document, operation="greet", message=message)
    monkeypatch.setenv("TENDRIL_EGRESS_ALLOW", "")
    private = described(protocol, "10.1.2.3:1")
    with pytest.raises(EgressRefused):
        await call(context, private, operation="greet", message=message)


async def test_the_document_is_fetched(http: Any, context: Context) -> None:
    """It is one resource as any, in JSON or YAML; what is neither says so."""
    request = {"document": {"endpoint": f"http://127.0.0.1:{http.port}/api/lines"}}
    http.gives = ["a: ["]
    given = In.model_validate({**request, "operation": "x", "message": {}})
    with pytest.raises(ToolError, match="neither JSON nor YAML"):
        await handle(given, context)
    http.gives = [json.dumps(described("kafka", "a.test"))]
    context.resources._made.clear()
    with pytest.raises(ToolError, match="kafka"):
        await handle(given.model_copy(update={"operation": "greet"}), context)


@pytest.mark.parametrize(
    "change",
    [
        {"message": None},
        {"subscription": until_done(amount=1)},
        {"channel": "c"},
        {"protocol": "stomp"},
        {"message": None, "subscription": {"consume": {}}},
        {"message": None, "subscription": until_done(amount=0)},
    ],
)
def test_the_input_is_strict(change: dict[str, Any]) -> None:
    """One operation, one direction, one end."""
    right = {"document": {"content": {}}, "operation": "greet", "message": {"payload": 1}}
    assert In.model_validate(right)
    with pytest.raises(ValidationError):
        In.model_validate(right | change)
