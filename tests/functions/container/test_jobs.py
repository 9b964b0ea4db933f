"""The container tool where containers are Jobs, against a server in a JobSink's place."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from events.envelope import create, parse
from events.errors import ErrorType, ToolError
from events.flow.jobs import job_sink
from functions.container.handler import handle
from functions.container.jobs import hand_over
from functions.container.models import In
from functions.host.context import Resources
from functions.host.faults import SinkUnavailable
from tests.support.serving import answering

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from events.envelope import Event
    from functions.host.context import Context

ASKED = {"image": "alpine", "command": "echo", "name": "n", "await": True}
EVENT = create(id="1", source="/flows/test/f", type="t", data=b"{}", attempt=1)


class JobSinks:
    """What was posted, and what is answered."""

    def __init__(self) -> None:
        self.status = 202
        self.taken: list[tuple[str, Event]] = []

    async def take(self, request: web.Request) -> web.Response:
        event = parse(list(request.headers.items()), await request.read())
        self.taken.append((request.path, event))
        return web.Response(status=self.status, headers={"Reason": "full"})


@pytest.fixture
async def served(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[JobSinks]:
    """JobSinks, which the tool is told of."""
    made = JobSinks()
    async with answering(made.take) as url:
        monkeypatch.setenv("TENDRIL_CONTAINER_JOBS", f"{url}/prod/{{name}}")
        yield made


async def given(asked: Any) -> bool:
    async with aclosing(Resources()) as resources:
        return await hand_over(EVENT, asked, resources)


async def test_the_event_goes_to_the_containers_jobsink(served: JobSinks) -> None:
    """As it is: whoever finds it there can claim the task with it."""
    assert await given(ASKED)
    [(path, event)] = served.taken
    assert path == f"/prod/{job_sink(ASKED)}"
    assert (event.source, event.id, event.data) == (EVENT.source, EVENT.id, EVENT.data)


@pytest.mark.parametrize(
    "asked", [{**ASKED, "ports": {"80": 80}}, {"image": "alpine"}, {"image": 7}, None]
)
async def test_what_can_be_no_job_is_not_given_away(served: JobSinks, asked: Any) -> None:
    """Nobody is asked about it: the tool itself says what is wrong."""
    assert not await given(asked)
    assert served.taken == []


async def test_without_jobsinks_nothing_is_given_away() -> None:
    """On a machine with an engine the tool does every task itself."""
    assert not await given(ASKED)


async def test_no_jobsink_of_that_name_leaves_it_here(served: JobSinks) -> None:
    """JobSinks answer 400 then, and the tool says what is missing."""
    served.status = 400
    assert not await given(ASKED)


@pytest.mark.parametrize("status", [401, 500, 503])
async def test_a_jobsink_that_does_not_take_it_is_asked_again(
    served: JobSinks, status: int
) -> None:
    """The broker delivers the event again: nothing has been claimed."""
    served.status = status
    with pytest.raises(SinkUnavailable, match=f"did not take event 1: HTTP {status} full"):
        await given(ASKED)


async def test_nobody_there_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """As above, where nobody answers."""
    monkeypatch.setenv("TENDRIL_CONTAINER_JOBS", "http://127.0.0.1:1/{name}")
    with pytest.raises(SinkUnavailable, match="did not take event 1: ClientConnectorError"):
        await given(ASKED)


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        (ASKED, "no JobSink is there for the image alpine .* `tendril render FLOW --namespace"),
        ({"image": "alpine"}, "a Job cannot tell what the image starts; say it with 'command'"),
    ],
)
@pytest.mark.usefixtures("served")
async def test_what_stays_here_is_refused(
    context: Context, asked: dict[str, Any], reason: str
) -> None:
    """A pod has no engine: a configuration error says why there is no Job, and what to do."""
    with pytest.raises(ToolError, match=reason) as caught:
        await handle(In.model_validate(asked), context)
    assert caught.value.problem.type == ErrorType.CONFIGURATION
