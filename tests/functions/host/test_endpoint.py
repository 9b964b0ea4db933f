"""The event endpoint, spoken to as a server speaks to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from functions.host.endpoint import Service, read_body
from functions.host.faults import Refused

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from events.envelope import Event

EVENT = {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "/s", "ce-type": "t"}
JSON = {"content-type": "application/json"}
GONE: dict[str, Any] = {"type": "http.disconnect"}


def part(body: bytes, *, more: bool = True) -> dict[str, Any]:
    """Return a message of the server with a part of a body."""
    return {"type": "http.request", "body": body, "more_body": more}


def coming(*messages: dict[str, Any]) -> Callable[[], Awaitable[dict[str, Any]]]:
    """Return what gives one message after the other."""
    left = iter(messages)

    async def receive() -> dict[str, Any]:
        return next(left)

    return receive


async def test_a_body_comes_in_parts() -> None:
    """All parts together are the body."""
    receive = coming(part(b'{"n"'), part(b""), part(b": 1}", more=False))
    assert await read_body(receive) == b'{"n": 1}'


@pytest.mark.parametrize("before", [[], [part(b"")], [part(b'{"n": 1}')]])
async def test_a_body_without_its_end_is_none(before: list[dict[str, Any]]) -> None:
    """Where the sender dies amid a request, what came of it is no body, an empty one neither."""
    with pytest.raises(Refused, match="ended before"):
        await read_body(coming(*before, GONE))


async def test_half_an_event_is_not_taken() -> None:
    """An event whose sender died before its data is refused, not taken for one without data."""
    taken: list[Event] = []
    sent: list[dict[str, Any]] = []

    async def take(event: Event) -> None:
        taken.append(event)

    async def send(message: Any) -> None:
        sent.append(message)

    service = Service()
    service.state.take = take
    headers = [(name.encode(), value.encode()) for name, value in (EVENT | JSON).items()]
    scope = {"type": "http", "method": "POST", "path": "/", "headers": headers}
    await service(scope, coming(GONE), send)
    assert not taken
    assert sent[0]["status"] == 400
    await service(scope, coming(part(b"1", more=False)), send)
    assert [event.data for event in taken] == [b"1"]
