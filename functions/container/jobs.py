"""Where containers are Jobs: the service hands a task's event to the JobSink of its container."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import aiohttp
from pydantic import ValidationError

from events.envelope import to_structured
from events.errors import ErrorType, ToolError
from events.flow.jobs import job_sink, unfit
from functions.container.models import In, Settings
from functions.host.faults import SinkUnavailable

if TYPE_CHECKING:
    from events.envelope import Event
    from functions.host.context import Resources

_TIMEOUT: Final = aiohttp.ClientTimeout(total=30)
_NONE_SUCH: Final = 400
"""What JobSinks answer, of all statuses, for a name that none of them has."""


async def hand_over(event: Event, asked: Any, resources: Resources) -> bool:
    """Give the event to the JobSink of its container; False where there is none, or cannot be.

    SinkUnavailable where nobody answers.
    """
    settings = await resources.once("settings", _settings)
    try:
        given = _given(In.model_validate(asked))
    except ValidationError:
        return False
    if not settings.jobs or unfit(given):
        return False
    url = settings.jobs.replace("{name}", job_sink(given))
    client = await resources.once("jobs", _client, aiohttp.ClientSession.close)
    headers, body = to_structured(event)
    try:
        async with client.post(url, headers=headers, data=body) as response:
            if response.ok:
                return True
            if response.status == _NONE_SUCH:
                return False
            reason = f"HTTP {response.status} {response.headers.get('Reason', '')}"
    except (aiohttp.ClientError, TimeoutError) as error:
        reason = f"{type(error).__name__} {error}"
    raise SinkUnavailable(f"the JobSink at {url} did not take event {event.id}: {reason}")


def refusal(request: In) -> ToolError:
    """Return why a container was not handed over to a Job, and what to do about it."""
    reason = unfit(_given(request)) or (
        f"no JobSink is there for the image {request.image} with these volumes, pull policy and "
        "lifetime; an operator makes one with what `tendril render FLOW --namespace ...` prints "
        "for each container of a flow that says them without an expression"
    )
    return ToolError(reason, type=ErrorType.CONFIGURATION)


def _given(request: In) -> dict[str, Any]:
    return request.model_dump(mode="json", by_alias=True, exclude_unset=True)


async def _settings() -> Settings:
    return Settings()


async def _client() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(timeout=_TIMEOUT)
