"""A call with credentials in its metadata."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from events.errors import ToolError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from functions.grpc.calling import Metadata
    from functions.host.web.credentials import Authorization, Credentials

T = TypeVar("T")
_UNAUTHENTICATED: Final = 401


async def presenting(presented: Credentials, ask: Callable[[Metadata], Awaitable[T]]) -> T:
    """Call with credentials; a token that is refused is replaced once."""
    first = await presented.authorization()
    try:
        return await ask(_metadata(first))
    except ToolError as error:
        if error.problem.status != _UNAUTHENTICATED or not presented.renewable:
            raise
    return await ask(_metadata(await presented.another(first)))


def _metadata(authorization: Authorization) -> Metadata:
    return (("authorization", authorization.header),)
