"""A handler as a tool: its models, and one call of it turned into an outcome."""

from __future__ import annotations

import asyncio
import inspect
import time
import typing
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

from pydantic import BaseModel, ValidationError

from events.errors import ErrorType, Problem, TendrilError
from functions.host.context import Context
from functions.host.ledger.rows.budget import Spend
from functions.host.outcomes import Outcome, from_error

Reserve = Callable[[Any, Context], Awaitable[Spend]]
"""From the input, as its model, and the context to what a call may use at the most."""


@dataclass(frozen=True, slots=True)
class Tool:
    """What `serve` was told about a handler."""

    name: str
    version: str
    timeout: float
    """Seconds a call may take; less than the service's timeoutSeconds."""
    summary: str
    handle: Callable[[Any, Context], Awaitable[BaseModel]]
    request: type[BaseModel]
    result: type[BaseModel]
    reserve: Reserve | None = None
    """Tells what a call may use of a budget at the most, beside being one call."""

    @property
    def major(self) -> int:
        """The major version, which a Trigger filters on."""
        return int(self.version.split(".", 1)[0])

    async def estimate(self, data: Any, context: Context) -> Spend:
        """Return what a call may use at the most; one that cannot be made uses nothing."""
        if self.reserve is None:
            return Spend(1)
        try:
            return await self.reserve(self.request.model_validate(data), context)
        except (ValidationError, TendrilError):
            return Spend(1)  # the call will say what is wrong

    async def call(self, data: Any, context: Context) -> Outcome:
        """Run the handler on a JSON value; every way it can end is an Outcome."""
        started = time.perf_counter()
        outcome = await self._outcome(data, context)
        return replace(outcome, work_ms=round((time.perf_counter() - started) * 1000, 3))

    async def _outcome(self, data: Any, context: Context) -> Outcome:
        try:
            request = self.request.model_validate(data)
        except ValidationError as error:
            return Outcome(problem=_invalid(self.name, error))
        try:
            async with asyncio.timeout(self.timeout):
                result = await self.handle(request, context)
        except TimeoutError:
            detail = f"{self.name} took longer than its {self.timeout:g} s"
            return Outcome(problem=Problem(ErrorType.TIMEOUT, 408, "Timeout", detail))
        except Exception as error:
            context.log.warning("the handler failed: %s", error, exc_info=error)
            return from_error(error)
        output = result.model_dump(mode="json", by_alias=True, exclude_none=True)
        return Outcome(output=output, usage=_usage(output))


def tool(
    handle: Callable[[Any, Context], Awaitable[Any]],
    *,
    name: str,
    version: str,
    timeout: float,
    reserve: Reserve | None = None,
) -> Tool:
    """Describe a handler; TypeError when its signature is not (In, Context) -> Out."""
    hints = typing.get_type_hints(handle, localns={"Context": Context})
    parameters = list(inspect.signature(handle).parameters)
    request, result = hints.get(parameters[0]) if parameters else None, hints.get("return")
    if not (_is_model(request) and _is_model(result)):
        raise TypeError(
            f"{handle.__module__}.{handle.__qualname__} must be annotated as "
            "async (In, Context) -> Out with pydantic models"
        )
    summary = (inspect.getdoc(handle) or name).splitlines()[0]
    return Tool(name, version, timeout, summary, handle, request, result, reserve)  # type: ignore[arg-type]


def _is_model(hint: Any) -> bool:
    return isinstance(hint, type) and issubclass(hint, BaseModel)


def _usage(output: Any) -> dict[str, float] | None:
    """Return what a tool says it used: the numbers of its result's `usage`, where it has one."""
    usage = output.get("usage") if isinstance(output, dict) else None
    if not isinstance(usage, dict):
        return None
    return {name: value for name, value in usage.items() if type(value) in {int, float}} or None


def _invalid(name: str, error: ValidationError) -> Problem:
    parts = [
        f"{'.'.join(str(step) for step in item['loc']) or 'the input'}: {item['msg']}"
        for item in error.errors(include_url=False, include_input=False)[:5]
    ]
    detail = f"{name} cannot take this input: {'; '.join(parts)}"
    return Problem(ErrorType.VALIDATION, 400, "Invalid input", detail)
