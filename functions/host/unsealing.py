"""Evaluate what `advance` left to the host of a call: the expressions that take secrets."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from events.errors import ErrorType, ToolError
from events.flow.expressions import ExpressionError, program
from events.flow.late import AUTHORIZATION, MEMBER, SECRETS, Late, late
from events.pointer import plain
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
        known = left.arguments | {SECRETS: secrets}
        given: Json = {name: value for name, value in data.items() if name != MEMBER}
        texts = {pointer: program(_at(given, pointer)) for pointer in left.at}
        after = {pointer for pointer in texts if AUTHORIZATION in late(texts[pointer])}
        for pointer in texts.keys() - after:
            given = await self._placed(given, pointer, texts[pointer], left.data, known)
            context.masks.derived(_at(given, pointer))
        for pointer in left.kept:
            kept = {"program": program(_at(given, pointer)), "arguments": known}
            given = _put(given, pointer.split("/")[1:], kept)
        if after:
            known = known | {AUTHORIZATION: await _authorization(_at(given, left.policy), context)}
        for pointer in after:
            given = await self._placed(given, pointer, texts[pointer], left.data, known)
        return given

    def _secrets(self, names: tuple[str, ...]) -> dict[str, Json]:
        keyring = Keyring.here(self._folder)
        try:
            return {name: keyring.value(name) for name in names}
        except SecretMissingError as error:
            kind = ErrorType.AUTHORIZATION
            raise ToolError(str(error), type=kind, status=403, title="Secret missing") from None

    async def _placed(
        self, given: Json, pointer: str, text: str, data: Json, known: dict[str, Json]
    ) -> Json:
        try:
            value = await asyncio.to_thread(self._evaluate, text, data, known)
        except ExpressionError:
            # jq quotes the values that it fails on
            where = pointer.strip("/").replace("/", ".")
            detail = f"with.{where}: the expression failed; what jq said may quote a secret"
            raise ToolError(detail, type=ErrorType.EXPRESSION, status=400) from None
        return _put(given, pointer.split("/")[1:], value)


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
