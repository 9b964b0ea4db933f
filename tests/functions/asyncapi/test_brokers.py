"""AsyncAPI calls to the brokers that a system's packages bring, and over TLS."""

from __future__ import annotations

import asyncio
import json
import ssl
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import aio_pika
import aiomqtt
import pytest
from aiohttp import web
from aiohttp.connector import TCPConnector
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from redis.asyncio import Redis

from events.errors import ErrorType, RetryableError, ToolError
from tests.functions.asyncapi.calling import USER, call, described, until_done
from tests.support import brokers
from tests.support.brokers import PASSWORD, Broker
from tests.support.brokers import USER as NAME
from tests.support.local_platform import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

    from aio_pika.abc import AbstractChannel

    from functions.host.context import Context
    from tests.support.certificates import Certificate

WRONG = {"basic": {"username": NAME, "password": "x"}}
MESSAGE = {"payload": {"text": "hi"}, "headers": {"n": 1}}


async def greet(context: Context, document: dict[str, Any], **more: Any) -> None:
    """Publish a greeting as the brokers' user."""
    given = {"authentication": USER, "message": MESSAGE, **more}
    assert await call(context, document, operation="greet", **given) is None


async def hear(context: Context, document: dict[str, Any], **consume: Any) -> Any:
    """Subscribe as the brokers' user."""
    wanted = until_done(**(consume or {"amount": 1}))
    return await call(context, document, operation="hear", subscription=wanted, authentication=USER)


@asynccontextmanager
async def speaking(speak: Callable[[], Awaitable[object]]) -> AsyncIterator[None]:
    """Say something time and again, for who subscribes to hear it."""

    async def often() -> None:
        while True:
            await speak()
            await asyncio.sleep(0.05)

    task = asyncio.create_task(often())
    try:
        yield
    finally:
        task.cancel()


async def unknown(context: Context, document: dict[str, Any]) -> None:
    """A broker's refusal of a password is told as one."""
    with pytest.raises(ToolError, match="does not know us") as refused:
        await greet(context, document, authentication=WRONG)
    assert refused.value.problem.type == ErrorType.AUTHENTICATION


@pytest.mark.parametrize(
    ("protocol", "more"), [("mqtt5", {}), ("mqtt", {"protocolVersion": "5.0"})]
)
async def test_messages_go_over_mqtt5(
    mosquitto: Broker, context: Context, protocol: str, more: dict[str, str]
) -> None:
    """Both ways, with headers: the document says the version in either of two places."""
    topic = f"greetings/{protocol}"
    document = described(protocol, f"127.0.0.1:{mosquitto.port}", topic, **more)
    version = aiomqtt.ProtocolVersion.V5
    known: dict[str, Any] = {"username": NAME, "password": PASSWORD, "protocol": version}
    async with aiomqtt.Client("127.0.0.1", mosquitto.port, **known) as client:
        await client.subscribe(topic)
        await greet(context, document, protocol="mqtt5")
        seen = await anext(aiter(client.messages))
        assert json.loads(bytes(seen.payload)) == {"text": "hi"}
        said: Any = seen.properties
        assert said.UserProperty == [("n", "1")]
        assert said.ContentType == "application/json"
        own = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        own.CorrelationData, own.UserProperty = b"7", [("a", "b")]
        await client.publish(topic, '{"text": "kept"}', retain=True, properties=own)
    heard = await hear(context, document)
    assert heard == [{"payload": {"text": "kept"}, "headers": {"a": "b"}, "correlationId": "7"}]
    await unknown(context, document)


async def test_messages_go_over_redis(redis: Broker, context: Context) -> None:
    """Both ways; who listens hears what is published from then on."""
    document = described("redis", f"127.0.0.1:{redis.port}")
    async with Redis(port=redis.port, username=NAME, password=PASSWORD) as client:
        async with client.pubsub() as channel:
            await channel.subscribe("greetings")
            await greet(context, document)
            seen = [await channel.get_message(timeout=5) for _ in range(2)]
            assert json.loads(seen[1]["data"]) == {"text": "hi"}
        async with speaking(lambda: client.publish("greetings", '{"text": "yo"}')):
            heard = await hear(context, document, amount=2)
        assert heard == [{"payload": {"text": "yo"}, "headers": {}}] * 2
        none = await hear(context, document, amount=1, **{"for": {"milliseconds": 50}})
        assert none == []
        hearing = asyncio.create_task(hear(context, document))

        async def heard_by_one() -> bool:
            [(_, count)] = await client.pubsub_numsub("greetings")
            return count == 1

        await until(heard_by_one, 20, "it subscribes")
        await client.client_kill_filter(_type="pubsub")
        with pytest.raises(RetryableError):
            await hearing
    await unknown(context, document)


@pytest.fixture
async def channel(rabbitmq: Broker) -> AsyncIterator[AbstractChannel]:
    """A channel to the RabbitMQ node."""
    where = f"amqp://{NAME}:{PASSWORD}@127.0.0.1:{rabbitmq.port}/"
    connection = await aio_pika.connect(where)
    async with connection, connection.channel() as made:
        yield made


async def test_messages_go_through_a_queue(
    rabbitmq: Broker, channel: AbstractChannel, context: Context
) -> None:
    """Both ways, with headers and the task's key; what was not asked for stays in the queue."""
    document = described("amqp", f"127.0.0.1:{rabbitmq.port}")
    document["channels"]["greetings"]["bindings"] = {
        "amqp": {"is": "queue", "queue": {"name": "inbox"}}
    }
    for refused in (greet, hear):
        with pytest.raises(ToolError, match="refused") as missing:
            await refused(context, document)
        assert missing.value.problem.type == ErrorType.COMMUNICATION
    queue = await channel.declare_queue("inbox")
    await greet(context, document)
    seen = await queue.get(timeout=5)
    await seen.ack()
    assert json.loads(seen.body) == {"text": "hi"}
    assert (seen.headers, seen.content_type) == ({"n": 1}, "application/json")
    assert (seen.message_id, seen.delivery_mode) == ("key-of-the-task", 2)
    for text in "abc":
        body = json.dumps({"text": text}).encode()
        message = aio_pika.Message(body, correlation_id=text, headers={"x": [1]})
        await channel.default_exchange.publish(message, "inbox")
    heard = await hear(context, document, amount=2)
    assert heard[0] == {"payload": {"text": "a"}, "headers": {"x": [1]}, "correlationId": "a"}
    assert [each["correlationId"] for each in heard] == ["a", "b"]
    assert json.loads((await queue.get(timeout=5, no_ack=True)).body) == {"text": "c"}
    await unknown(context, document)


async def test_messages_go_through_an_exchange(
    rabbitmq: Broker, channel: AbstractChannel, context: Context
) -> None:
    """By the routing key that is the channel's address, to whoever listens then."""
    document = described("amqp", f"127.0.0.1:{rabbitmq.port}", "greetings.all")
    document["channels"]["greetings"]["bindings"] = {
        "amqp": {"is": "routingKey", "exchange": {"name": "talk", "type": "topic"}}
    }
    document["operations"]["greet"]["bindings"] = {"amqp": {"deliveryMode": 1}}
    with pytest.raises(ToolError, match="refused"):
        await greet(context, document)
    exchange = await channel.declare_exchange("talk", aio_pika.ExchangeType.TOPIC)
    await greet(context, document)
    queue = await channel.declare_queue(exclusive=True)
    await queue.bind(exchange, "greetings.*")
    await greet(context, document)
    seen = await queue.get(timeout=5)
    assert (seen.routing_key, seen.delivery_mode) == ("greetings.all", 1)
    yo = aio_pika.Message(b'{"text": "yo"}')
    async with speaking(lambda: exchange.publish(yo, "greetings.all")):
        heard = await hear(context, document, amount=2)
    assert heard == [{"payload": {"text": "yo"}, "headers": {}}] * 2
    nowhere = described("amqp", f"127.0.0.1:{rabbitmq.port}", pathname="/nowhere")
    with pytest.raises(ToolError, match="'nowhere' cannot be opened"):
        await greet(context, nowhere)


@dataclass
class Line:
    """A line to a broker, which breaks once a greeting has come over it."""

    port: int = 0
    to: int = 0

    async def between(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass on what one says to the other."""
        with suppress(OSError):
            there, back = await asyncio.open_connection("127.0.0.1", self.to)
            await asyncio.gather(_passed(reader, back), _passed(there, writer))
        writer.close()


async def _passed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    data = b""
    with closing(writer):
        while b'"hi"' not in data and (data := await reader.read(65536)):
            writer.write(data)


@pytest.fixture
async def line() -> AsyncIterator[Line]:
    """A line to where the test says."""
    made = Line()
    async with await asyncio.start_server(made.between, "127.0.0.1", 0) as server:
        made.port = server.sockets[0].getsockname()[1]
        yield made


@pytest.fixture
def plain() -> Iterator[Broker]:
    """Run a NATS server."""
    with brokers.nats_server(None) as running:
        yield running


@pytest.fixture
def nats(certificate: Certificate) -> Iterator[Broker]:
    """Run a NATS server that asks for TLS."""
    with brokers.nats_server(certificate) as running:
        yield running


@pytest.fixture
async def https(certificate: Certificate, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Broker]:
    """Take requests and frames over TLS; a process reads once whom it trusts for those."""
    trusting = ssl.create_default_context(cafile=certificate.file)
    monkeypatch.setattr(TCPConnector, "_get_ssl_context", lambda *_: trusting)
    app = web.Application()
    app.router.add_post("/greetings", _taking)
    app.router.add_get("/greetings", _closing)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate.file, certificate.key)
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    yield Broker(0, runner.addresses[0][1])
    await runner.cleanup()


async def _taking(_: web.Request) -> web.Response:
    return web.Response()


async def _closing(request: web.Request) -> web.WebSocketResponse:
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    await socket.receive()
    return socket


@pytest.mark.parametrize(
    ("name", "protocol"),
    [("plain", "nats"), ("mosquitto", "mqtt5"), ("redis", "redis"), ("rabbitmq", "amqp")],
)
async def test_a_broker_that_goes_away(
    name: str, protocol: str, context: Context, line: Line, request: pytest.FixtureRequest
) -> None:
    """What came before is handed over, for another call to go on after."""
    line.to = request.getfixturevalue(name).port
    documents = [described(protocol, f"127.0.0.1:{port}") for port in (line.port, line.to)]
    for each in documents:
        exchange = {"amqp": {"exchange": {"name": "amq.topic"}}}
        each["channels"]["greetings"]["bindings"] = exchange
    wanted = until_done(amount=99) | {"after": {"messages": [], "seconds": 0}}
    given = {"operation": "hear", "subscription": wanted, "authentication": USER}
    async with speaking(lambda: greet(context, documents[1])):
        found = await call(context, documents[0], **given)
    assert (found["messages"][0]["payload"], found["over"]) == ({"text": "hi"}, False)
    assert "error" not in found


@pytest.mark.parametrize("protocol", ["https", "wss"])
async def test_requests_and_frames_go_over_tls(
    https: Broker, context: Context, protocol: str
) -> None:
    """The certificate must be the server's."""
    await greet(context, described(protocol, f"localhost:{https.secure}"))
    with pytest.raises((ToolError, RetryableError), match="certificate is not valid"):
        await greet(context, described(protocol, f"127.0.0.1:{https.secure}"))


@pytest.mark.filterwarnings("ignore:unclosed <ssl.SSLSocket:ResourceWarning")  # paho's
@pytest.mark.parametrize(
    ("broker", "protocol", "scheme"),
    [
        ("nats", "nats", "tls://"),
        ("mosquitto", "secure-mqtt", ""),
        ("mosquitto", "mqtt5", "ssl://"),
        ("redis", "rediss", ""),
        ("rabbitmq", "amqps", ""),
    ],
)
async def test_messages_go_over_tls(
    broker: str,
    protocol: str,
    scheme: str,
    context: Context,
    certificate: Certificate,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The certificate must be the server's by its name, and of an authority that is trusted."""
    port = request.getfixturevalue(broker).secure
    by_name = described(protocol, f"{scheme}localhost:{port}")
    by_address = described(protocol, f"{scheme}127.0.0.1:{port}")
    exchange = {"amqp": {"exchange": {"name": "amq.topic"}}}
    for document in (by_name, by_address):
        document["channels"]["greetings"]["bindings"] = exchange
    with pytest.raises(RetryableError, match=r"(?i)certificate"):
        await greet(context, by_name)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.file))
    await greet(context, by_name)
    with pytest.raises(RetryableError, match=r"(?i)certificate"):
        await greet(context, by_address)


async def test_nobody_is_named_without_tls(broker: int, context: Context) -> None:
    """A NATS server that offers no TLS where the document says it gets no password."""
    document = described("nats", f"tls://127.0.0.1:{broker}")
    with pytest.raises(RetryableError, match="offers no TLS"):
        await greet(context, document)
