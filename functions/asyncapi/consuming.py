"""Take messages until a subscription has what it is for.

Where the specification leaves room: `filter` is evaluated on the message; `while` and `until` after
each that counts, on the list of those so far, which `$context` has as `messages` and as
`consumedMessages` too, the names that the specification's examples take for granted; `for` ends a
subscription with what has come; one without `for` that lasts longer than the operator lets it is
an error. Messages that came before the subscription, and between two attempts, are the broker's.

A subscription with `after` may be continued: one call gives what it has a while after its first
message (who waits for it shall not wait for the last one, and what is recorded is not lost), when
its time is up, or when the connection is lost; an error that ends it comes beside the messages
before that.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from math import inf
from time import monotonic
from typing import TYPE_CHECKING, Any

from events.errors import ErrorType, RetryableError, TendrilError, ToolError
from events.flow.expressions import EmptyResult
from functions.asyncapi.models import Consumed

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from events.flow.steps import Evaluate
    from functions.asyncapi.models import Expression, Inbound, Settings, Subscription

Json = Any


class Consumer:
    """Collects the messages that count."""

    def __init__(
        self,
        wanted: Subscription,
        evaluate: Evaluate,
        check: Callable[[Any], None],
        settings: Settings,
    ) -> None:
        self._wanted, self._evaluate, self._check = wanted, evaluate, check
        self._settings = settings
        self._consumed: list[Json] = list(wanted.after.messages) if wanted.after else []
        self._before = len(self._consumed)

    async def consume(self, messages: AsyncGenerator[Inbound, None]) -> list[Json] | Consumed:
        """Take messages until there are enough, or the time is up; ToolError if that is neither."""
        after, began = self._wanted.after, monotonic()
        if after is None:
            await self._over(messages, 0, began)
            return self._consumed
        over, error = False, None
        try:
            over = await self._over(messages, after.seconds, began)
        except TendrilError as failure:
            if len(self._consumed) == self._before:
                raise
            if not isinstance(failure, RetryableError):
                error = failure.problem.to_json()
        spent = after.seconds + monotonic() - began
        new = self._consumed[self._before :]
        return Consumed(messages=new, seconds=spent, over=over, error=error)

    async def _over(
        self, messages: AsyncGenerator[Inbound, None], spent: float, began: float
    ) -> bool:
        """Take messages; tell whether the subscription is over, and not only this call of it."""
        asked, most = self._wanted.consume.seconds, self._settings.subscription
        left = inf if asked is None else asked - spent
        try:
            await self._take(messages, began + min(left, most))
        except TimeoutError:
            if monotonic() - began >= left:
                return True
            if self._wanted.after is None:
                raise _too_long(self._settings, len(self._consumed)) from None
            return False
        return True

    async def _take(self, messages: AsyncGenerator[Inbound, None], end: float) -> None:
        """Take messages until there are enough; TimeoutError at the end."""
        room = self._settings.max_bytes
        async with aclosing(messages):
            if self._wanted.consume.while_ and not await self._goes_on():
                return
            while (each := await _next(messages, end)) is not None:
                message = each.model_dump(mode="json", by_alias=True, exclude_none=True)
                if self._wanted.filter and not await self._holds(self._wanted.filter, message):
                    continue
                self._check(each.payload)
                room -= len(str(message))
                if room < 0:
                    raise _too_much()
                self._consumed.append(message)
                if not await self._goes_on():
                    return
                if self._wanted.after and len(self._consumed) == self._before + 1:
                    end = min(end, monotonic() + self._settings.batch)
        detail = f"the server ended the stream after {len(self._consumed)} messages"
        raise ToolError(detail, type=ErrorType.COMMUNICATION)

    async def _goes_on(self) -> bool:
        consume = self._wanted.consume
        if consume.amount is not None:
            return len(self._consumed) < consume.amount
        if consume.while_:
            return await self._holds(consume.while_, self._consumed)
        assert consume.until
        return not await self._holds(consume.until, self._consumed)

    async def _holds(self, expression: Expression, data: Json) -> bool:
        arguments = dict(expression.arguments)
        if isinstance(arguments.get("context"), dict):
            so_far = {"messages": self._consumed, "consumedMessages": self._consumed}
            arguments["context"] = so_far | arguments["context"]
        try:
            result = await asyncio.to_thread(self._evaluate, expression.program, data, arguments)
        except EmptyResult:
            return False
        return result is not None and result is not False


async def _next(messages: AsyncGenerator[Inbound, None], end: float) -> Inbound | None:
    """Return the next message, None where the server has no more; TimeoutError when time ends.

    Nothing but this wait is cut off: a message that came is looked at.
    """
    if monotonic() >= end:
        raise TimeoutError
    async with asyncio.timeout(end - monotonic()):
        return await anext(messages, None)


def _too_long(settings: Settings, count: int) -> ToolError:
    detail = (
        f"the subscription had {count} messages after {settings.subscription:g} s and was not "
        "done; let it end sooner with 'for', or see TENDRIL_ASYNCAPI_SUBSCRIPTION"
    )
    return ToolError(detail, type=ErrorType.TIMEOUT, title="Timeout")


def _too_much() -> ToolError:
    detail = "the messages are longer than one call takes in all; see TENDRIL_ASYNCAPI_MAX_BYTES"
    return ToolError(detail, type=ErrorType.COMMUNICATION, title="Too many messages")
