"""The egress policy, on addresses and on a real server behind an injected resolver."""

from __future__ import annotations

import socket
from ipaddress import IPv4Address, IPv6Address, ip_network
from typing import TYPE_CHECKING

import aiohttp
import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver
from hypothesis import given
from hypothesis import strategies as st

from events.errors import ErrorType, ToolError
from functions.host.egress import CheckedResolver, EgressPolicy, EgressRefused, session

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiohttp.abc import ResolveResult

PUBLIC = "93.184.216.34"
LOOPBACK = EgressPolicy.parse("127.0.0.0/8")


class Names(AbstractResolver):
    """A resolver that answers a name with its addresses, the next ones at each look-up."""

    def __init__(self, **answers: list[list[str]]) -> None:
        self.answers = answers
        self.asked: list[str] = []

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Answer from the table."""
        del family
        self.asked.append(host)
        left = self.answers[host.split(".", maxsplit=1)[0]]
        found = left.pop(0) if len(left) > 1 else left[0]
        return [_answer(host, address, port) for address in found]

    async def close(self) -> None:
        """Nothing is open."""


def _answer(host: str, address: str, port: int) -> ResolveResult:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return {
        "hostname": host,
        "host": address,
        "port": port,
        "family": family,
        "proto": 0,
        "flags": socket.AI_NUMERICHOST,
    }


class Server:
    """A real HTTP server on loopback that counts what reaches it."""

    def __init__(self) -> None:
        self.hits: list[str] = []
        self.reached: list[str] = []
        self.port = 0

    async def answer(self, request: web.Request) -> web.Response:
        """Redirect to `?to=`, else say hello; either way set a cookie."""
        self.hits.append(request.headers.get("Cookie", ""))
        assert request.transport is not None
        self.reached.append(request.transport.get_extra_info("sockname")[0])
        if (to := request.query.get("to")) is not None:
            raise web.HTTPFound(to)
        response = web.Response(text="hello")
        response.set_cookie("seen", "yes")
        return response


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    """Serve on a free port of every address of this machine's loopback network."""
    served = Server()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", served.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "0.0.0.0", 0).start()
    served.port = runner.addresses[0][1]
    yield served
    await runner.cleanup()


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",
        "10.1.2.3",
        "100.64.0.1",
        "100.100.100.200",
        "127.0.0.1",
        "127.8.8.8",
        "168.63.129.16",
        "169.254.169.254",
        "172.31.255.255",
        "192.168.1.1",
        "198.18.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::7f00:1",
        "::ffff:127.0.0.1",
        "::ffff:8.8.8.8",
        "64:ff9b::7f00:1",
        "64:ff9b:1::1",
        "2001::1",
        "2002:7f00:1::",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fe80::1%eth0",
        "ff02::1",
        "localhost",
        "",
    ],
)
def test_special_addresses_are_refused(address: str) -> None:
    """Loopback, link-local, private, shared, multicast and embedded addresses are refused."""
    decision = EgressPolicy().decide(address)
    assert not decision.allowed
    assert decision.why


@pytest.mark.parametrize("address", [PUBLIC, "1.1.1.1", "2606:4700::1111", "64:ff9b::101:101"])
def test_public_addresses_are_allowed(address: str) -> None:
    """A public address passes, also through NAT64."""
    assert EgressPolicy().decide(address).allowed


@given(st.ip_addresses())
def test_nothing_private_is_allowed_by_default(address: IPv4Address | IPv6Address) -> None:
    """Whatever the standard library calls private or multicast is refused."""
    if address.is_private or address.is_multicast or address.is_link_local:
        assert not EgressPolicy().decide(str(address)).allowed


@given(st.ip_addresses())
def test_an_allowed_block_allows_exactly_itself(address: IPv4Address | IPv6Address) -> None:
    """Allowing one address changes the decision about no other."""
    policy = EgressPolicy(allow=(ip_network(address),))
    assert policy.decide(str(address)).allowed
    other = "127.0.0.2" if str(address) != "127.0.0.2" else "127.0.0.3"
    assert not policy.decide(other).allowed


def test_blocks_are_read_from_the_setting() -> None:
    """The setting takes blocks and addresses, spaces and nothing at all."""
    assert EgressPolicy.parse("").allow == ()
    assert EgressPolicy.parse(" 10.0.0.0/8, fd00::/8,127.0.0.1 ").decide("127.0.0.1").allowed


def test_a_wrong_block_is_a_configuration_error() -> None:
    """A block that is none is named, with the setting."""
    with pytest.raises(ToolError, match=r"TENDRIL_EGRESS_ALLOW.*'ten'") as caught:
        EgressPolicy.parse("ten")
    assert caught.value.problem.type == ErrorType.CONFIGURATION


async def _get(client: aiohttp.ClientSession, url: str) -> str:
    async with client, client.get(url) as response:
        return await response.text()


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0"])
async def test_an_ip_literal_is_checked(server: Server, host: str) -> None:
    """A URL with an address in it is refused although no name is looked up."""
    with pytest.raises(EgressRefused, match="may not connect"):
        await _get(session(EgressPolicy()), f"http://{host}:{server.port}/")
    assert server.hits == []


@pytest.mark.parametrize("host", ["2130706433", "0x7f000001", "127.1", "0177.0.0.1"])
async def test_other_spellings_of_loopback_do_not_pass(server: Server, host: str) -> None:
    """The old numeric spellings of 127.0.0.1 reach nothing."""
    with pytest.raises((EgressRefused, aiohttp.ClientError)):
        await _get(session(EgressPolicy()), f"http://{host}:{server.port}/")
    assert server.hits == []


async def test_a_name_is_checked(server: Server) -> None:
    """A public name with a private address is refused, with the address in the message."""
    client = session(EgressPolicy(), resolver=Names(evil=[["127.0.0.1"]]))
    with pytest.raises(EgressRefused, match=r"evil\.test: 127\.0\.0\.1 is loopback") as caught:
        await _get(client, f"http://evil.test:{server.port}/")
    assert caught.value.problem.status == 403
    assert server.hits == []


async def test_localhost_is_refused_by_the_real_resolver(server: Server) -> None:
    """The system's own look-up is behind the policy too."""
    with pytest.raises(EgressRefused):
        await _get(session(EgressPolicy()), f"http://localhost:{server.port}/")


async def test_an_allowed_block_connects(server: Server) -> None:
    """With the operator's block the same request succeeds."""
    client = session(LOOPBACK, resolver=Names(good=[["127.0.0.1"]]))
    assert await _get(client, f"http://good.test:{server.port}/") == "hello"


async def test_the_private_part_of_an_answer_is_dropped(server: Server) -> None:
    """Of a mixed answer only allowed addresses are connected to."""
    client = session(LOOPBACK, resolver=Names(mixed=[["10.0.0.1", "127.0.0.1"]]))
    assert await _get(client, f"http://mixed.test:{server.port}/") == "hello"


async def test_a_redirect_to_a_refused_server_does_not_reach_it(server: Server) -> None:
    """By name or by address, the redirect's target sees no request."""
    for target in ("http://back.test", "http://127.0.0.1"):
        names = Names(front=[["127.0.0.2"]], back=[["127.0.0.1"]])
        server.hits.clear()
        async with session(EgressPolicy.parse("127.0.0.2"), resolver=names) as client:
            with pytest.raises(EgressRefused):
                await client.get(
                    f"http://front.test:{server.port}/",
                    params={"to": f"{target}:{server.port}/"},
                )
        assert len(server.hits) == 1


async def test_rebinding_gains_nothing(server: Server) -> None:
    """A name that answers an allowed address once is never connected to its second answer."""
    names = Names(flip=[["127.0.0.2"], ["127.0.0.1"]])
    url = f"http://flip.test:{server.port}/"
    async with session(EgressPolicy.parse("127.0.0.2"), resolver=names) as client:
        assert (await client.get(url)).status == 200
    assert server.reached == ["127.0.0.2"]
    assert names.asked == ["flip.test"]
    async with session(EgressPolicy.parse("127.0.0.2"), resolver=names) as client:
        with pytest.raises(EgressRefused):
            await client.get(url)
    assert server.reached == ["127.0.0.2"]


async def test_trust_in_a_name_ends_for_its_addresses_of_long_ago() -> None:
    """A name that keeps changing its address is followed; what it left behind is let go."""
    addresses = [f"10.0.{n // 250}.{n % 250}" for n in range(1_000)]
    names = Names(busy=[[address] for address in addresses])
    resolver = CheckedResolver(EgressPolicy().allowing("http://busy.test/v1"), names)
    for _ in addresses:
        await resolver.resolve("busy.test", 80)
    assert resolver.admits(addresses[-1], 80).allowed
    assert not resolver.admits(addresses[0], 80).allowed


async def test_an_operators_url_is_trusted_at_its_port_only(server: Server) -> None:
    """`allowing` opens one host and port, by name and by address, and nothing beside it."""
    for host in ("inner.test", "127.0.0.1"):
        policy = EgressPolicy().allowing(f"http://{host}:{server.port}/v1")
        async with session(policy, resolver=Names(inner=[["127.0.0.1"]])) as client:
            async with client.get(f"http://{host}:{server.port}/") as response:
                assert response.status == 200
            with pytest.raises(EgressRefused):
                await client.get(f"http://{host}:{server.port + 1}/")


def test_an_operators_url_must_be_one() -> None:
    """A URL without scheme or host is a configuration error."""
    with pytest.raises(ToolError, match="no http or https URL"):
        EgressPolicy().allowing("inference/v1")


@pytest.mark.parametrize(
    "url", ["ftp://a.test/", "file:///etc/passwd", "ws://a.test/", "tcp://a.test:1"]
)
async def test_other_schemes_are_refused(url: str) -> None:
    """Only http and https leave, whatever else the client could speak."""
    names = Names(a=[[PUBLIC]])
    with pytest.raises((EgressRefused, aiohttp.ClientError)):
        await _get(session(EgressPolicy(), resolver=names), url)
    assert names.asked == []


async def test_no_cookie_is_kept(server: Server) -> None:
    """What one task's server sets is not sent in another task's request."""
    async with session(LOOPBACK) as client:
        for _ in range(2):
            async with client.get(f"http://127.0.0.1:{server.port}/") as response:
                await response.read()
    assert server.hits == ["", ""]
