"""Asking providers in order until one answers."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from events.errors import ErrorType, RetryableError, ToolError
from functions.llm.breakers import CircuitOpen
from functions.llm.failures import Failure
from functions.llm.models import Attempt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functions.host.context import Context
    from functions.host.metering import Meter
    from functions.llm.client import Client
    from functions.llm.completion import Answer, Count, Question
    from functions.llm.models import In
    from functions.llm.settings import Provider


@dataclass(slots=True)
class Course:
    """What happened so far, and the waits that providers asked for."""

    attempts: list[Attempt] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)

    def exhausted(self) -> RetryableError:
        """Return the error when nobody is left to ask; it waits for the soonest provider."""
        details = "; ".join(f"{a.provider}: {a.detail}" for a in self.attempts)
        return RetryableError(
            f"no provider answered: {details or 'there was no time to ask one'}",
            retry_after=min(self.waits, default=None),
            status=503,
        )


def chosen(chain: Sequence[Provider], request: In) -> list[tuple[Provider, str]]:
    """Return who is asked for which model, in order; ToolError for an unknown provider."""
    asked = [one for one in chain if request.provider in {None, one.name}]
    if not asked:
        known = ", ".join(one.name for one in chain)
        detail = f"there is no provider {request.provider!r}; TENDRIL_LLM_PROVIDERS has {known}"
        raise ToolError(detail, type=ErrorType.CONFIGURATION)
    models = [request.model or asked[0].model, *(one.model for one in asked[1:])]
    return list(zip(asked, models, strict=True))


async def ask(
    client: Client, request: In, question: Question, context: Context
) -> tuple[Answer, list[Attempt]]:
    """Return the first answer and every attempt; RetryableError when all failed."""
    course, deadline = Course(), time.monotonic() + context.timeout - 1
    for provider, model in chosen(client.chain, request):
        started = time.monotonic()
        seconds = min(provider.timeout, deadline - started)
        if seconds <= 0:
            break
        attempt = Attempt(provider=provider.name, model=model, outcome="answered")
        course.attempts.append(attempt)
        try:
            key, count = context.idempotency_key, counter(context.meter, provider)
            answer = await client.ask(provider, model, question, key, seconds, count)
        except (Failure, CircuitOpen) as failure:
            _note(course, attempt, failure)
            context.log.warning("%s: %s", attempt.outcome, failure)
        else:
            return answer, course.attempts
        finally:
            attempt.seconds = round(time.monotonic() - started, 3)
    raise course.exhausted()


def counter(meter: Meter, provider: Provider) -> Count:
    """Return what counts the tokens of an answer, usable or not, at the provider's price."""

    def count(question: int, answer: int) -> None:
        meter.add(tokens=question + answer, cost=provider.price(question, answer))

    return count


def _note(course: Course, attempt: Attempt, failure: Failure | CircuitOpen) -> None:
    attempt.detail = str(failure)
    if isinstance(failure, CircuitOpen):
        attempt.outcome, wait = "resting", failure.wait
    else:
        attempt.outcome, wait = failure.outcome, failure.wait
    if wait is not None:
        course.waits.append(wait)
