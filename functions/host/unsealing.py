"""Evaluate what `advance` left to the host of a call: the expressions that take secrets."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from events.errors import ErrorType, ToolError
from events.flow.advance.uris import filled
from events.flow.expressions import ExpressionError, program, resolve, transform
from events.flow.late import AUTHORIZATION, MEMBER, SECRETS, Late, late
from events.pointer import plain
from functions.host.masks import decoy
from functions.host.secrets import Keyring, SecretMissingError

if TYPE_CHECKING:
    from pathlib import Path

    from events.flow.steps import Evaluate
    from functions.host.context import Context

Json = Any
_SECONDS: Final = 30.0
_MOST: Final = 1024 * 1024


class Unsealing:
    """Gives a task's input the values that only this host may know."""

    def __init__(self, evaluate: Evaluate, folder: Path | None) -> None:
        self._evaluate, self._folder = evaluate, folder

    async def opened(self, data: Json, context: Context) -> Json:
        """Return the input as the handler gets it; what is secret in it is masked from now on.

        A secret that is missing is an error of type authorization, as the specification has it.
        """
        if not isinstance(data, dict) or MEMBER not in data:
            return data
        left = Late.from_json(data[MEMBER])
        secrets = await asyncio.to_thread(self._secrets, left.secrets)
        context.masks.add(secrets)
        given: Json = {name: value for name, value in data.items() if name != MEMBER}
        place = await self._place(left, secrets)
        other = await self._decoyed(left, decoy(secrets))
        if left.source is not None:
            context.masks.differing(place.data, other and other.data)
        texts = {pointer: _at(given, pointer) for pointer in left.at}
        after = [each for each, text in texts.items() if AUTHORIZATION in late(program(text))]
        for pointer in [each for each in (*left.at, *left.templates) if each not in after]:
            given = await self._placed(given, pointer, place, other, context)
        for pointer in left.kept:
            kept = {"program": program(_at(given, pointer)), "arguments": place.arguments}
            given = _put(given, pointer.split("/")[1:], kept)
        if after:
            found = {AUTHORIZATION: await _authorization(_at(given, left.policy), context)}
            place, other = place.knowing(found), other and other.knowing(found)
        for pointer in after:
            given = await self._placed(given, pointer, place, other, context)
        return given

    async def _place(self, left: Late, secrets: dict[str, Json]) -> _Place:
        """Return what the programs are evaluated on, and with."""
        place = _Place(left, left.data, left.arguments | {SECRETS: secrets}, self._evaluate)
        if left.source is None:
            return place
        try:
            data = await asyncio.to_thread(place.transformed, left.source)
        except ExpressionError:
            raise _failed("input.from") from None
        return replace(place.knowing({"input": data}), data=data)

    async def _decoyed(self, left: Late, secrets: dict[str, Json]) -> _Place | None:
        """Return the same with other secrets; None where the expressions fail on them."""
        try:
            return await self._place(left, secrets)
        except ToolError:
            return None

    async def _placed(
        self, given: Json, pointer: str, place: _Place, other: _Place | None, context: Context
    ) -> Json:
        """Return the input with one value in its place; what is secret in that is masked."""
        text = _at(given, pointer)
        try:
            value = await asyncio.to_thread(place.value, text, pointer)
        except ExpressionError:
            raise _failed(f"with.{pointer.strip('/').replace('/', '.')}") from None
        try:
            its = other and await asyncio.to_thread(other.value, text, pointer)
        except ExpressionError:
            its = None
        context.masks.differing(value, its)
        return _put(given, pointer.split("/")[1:], value)

    def _secrets(self, names: tuple[str, ...]) -> dict[str, Json]:
        keyring = Keyring.here(self._folder)
        try:
            return {name: keyring.value(name) for name in names}
        except SecretMissingError as error:
            kind = ErrorType.AUTHORIZATION
            raise ToolError(str(error), type=kind, status=403, title="Secret missing") from None


@dataclass(frozen=True, slots=True)
class _Place:
    """What programs are evaluated on, and with."""

    left: Late
    data: Json
    arguments: dict[str, Json]
    evaluate: Evaluate

    def knowing(self, more: dict[str, Json]) -> _Place:
        return replace(self, arguments=self.arguments | more)

    def transformed(self, source: Json) -> Json:
        return transform(source, self._run, loose=self.left.loose)

    def value(self, text: str, pointer: str) -> Json:
        if pointer in self.left.templates:
            return filled(text, self.data)
        return resolve(text, self._run, loose=self.left.loose)

    def _run(self, text: str) -> Json:
        return self.evaluate(text, self.data, self.arguments)


def _failed(where: str) -> ToolError:
    # jq quotes the values that it fails on
    detail = f"{where}: the expression failed; what jq said may quote a secret"
    return ToolError(detail, type=ErrorType.EXPRESSION, status=400)


async def _authorization(policy: Json, context: Context) -> dict[str, Json]:
    """Return the DSL's authorization descriptor; digest has no parameter before its challenge."""
    # lazy: most hosts never authenticate
    from functions.host.web.credentials import credentials
    from functions.host.web.limits import ExchangeLimits
    from functions.host.web.policies import Policy

    limits = ExchangeLimits(_SECONDS, _MOST, "the host's limit", "the host's limit")
    try:
        parsed = Policy.model_validate(policy)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]["msg"]
        detail = f"$authorization: the call's authentication is unfit: {first}"
        raise ToolError(detail, type=ErrorType.VALIDATION) from None
    if parsed.digest:
        return {"scheme": "Digest", "parameter": None}
    found = await (await credentials(context, parsed, limits)).authorization()
    return {"scheme": found.scheme, "parameter": found.parameter}


def _at(value: Json, pointer: str) -> Json:
    for part in pointer.split("/")[1:]:
        value = value[int(part) if isinstance(value, list) else plain(part)]
    return value


def _put(value: Json, path: list[str], new: Json) -> Json:
    """Return the value with another at a path; what leads there is copied."""
    if not path:
        return new
    if isinstance(value, list):
        index = int(path[0])
        return [*value[:index], _put(value[index], path[1:], new), *value[index + 1 :]]
    name = plain(path[0])
    return value | {name: _put(value[name], path[1:], new)}
