"""What a flow refers to elsewhere is fetched once, when it is deployed, and kept with it."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Self

from pydantic import ValidationError

from events import source
from events.errors import TendrilError, ToolError
from events.flow.check import check
from events.flow.finding import Finding, FlowError, in_order
from events.flow.imports import confined, function_of, imports_of
from events.flow.schemas import flaw
from events.flow.syntax.imports import Imports
from events.source import Document, SourceError
from functions.flow.settings import Settings
from functions.host import egress
from functions.host.context import Resources
from functions.host.masks import Masks
from functions.host.secrets import Keyring, SecretMissingError
from functions.host.web.authenticated import fetched
from functions.host.web.documents import Documents
from functions.host.web.endpoint import Endpoint
from functions.host.web.limits import ExchangeLimits

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    import aiohttp

    from events.flow.catalog import Catalog
    from events.flow.imports import Import
    from events.flow.parse import Parsed


Json = Any


@dataclass(frozen=True, slots=True)
class Complete:
    """A flow with all that it refers to."""

    parsed: Parsed
    imports: Imports
    functions: tuple[tuple[Import, Parsed], ...]
    """The fetched functions, each as `function_of` reads it."""

    def check(self, catalog: Catalog, compile: Callable[[str], None]) -> list[Finding]:  # noqa: A002
        """Return what keeps the flow, or a function it fetched, from running.

        Where nothing was fetched there is nothing to add to a check of the flow alone.
        """
        if not self.imports.model_fields_set:
            return []
        found = check(self.parsed, catalog, compile)
        for wanted, parsed in self.functions:
            wrong = check(confined(parsed), catalog, compile, wanted.path)
            found += [wanted.wrong(str(each)) for each in wrong]
        return in_order(found)


async def completed(parsed: Parsed, allow: str, secrets: Path | None = None) -> Complete:
    """Fetch what a flow refers to, through the egress policy that lets `allow` pass too.

    Secrets that a policy names are looked up as for a call, in `secrets` where it is a folder.
    Raises FlowError for what cannot be fetched or is not what the flow takes it for, at the
    place in the flow that refers to it.
    """
    wanted = imports_of(parsed)
    if not wanted:
        return Complete(parsed, Imports(), ())
    settings = Settings()
    async with _Fetching.through(egress.EgressPolicy.parse(allow), settings, secrets) as fetching:
        return await _Gathering(parsed, fetching, settings.most).gathered(wanted)


@dataclass(frozen=True, slots=True)
class _Fetching:
    """What the requests of one deployment share."""

    http: aiohttp.ClientSession
    limits: ExchangeLimits
    documents: Documents
    keyring: Keyring
    resources: Resources = field(default_factory=Resources)
    masks: Masks = field(default_factory=Masks)

    @classmethod
    @asynccontextmanager
    async def through(
        cls, policy: egress.EgressPolicy, settings: Settings, secrets: Path | None
    ) -> AsyncIterator[Self]:
        """Open what it takes, and close it."""
        seconds, size = settings.timeout, settings.max_bytes
        limits = ExchangeLimits(seconds, size, "TENDRIL_IMPORT_TIMEOUT", "TENDRIL_IMPORT_MAX_BYTES")
        async with egress.session(policy) as http:
            made = cls(http, limits, Documents(limits, seconds), Keyring.here(secrets))
            try:
                yield made
            finally:
                await made.resources.aclose()

    async def fetch(self, wanted: Import) -> bytes:
        """Return a document; ToolError tells nothing that is secret."""
        try:
            policy = await asyncio.to_thread(self._unlocked, wanted.authentication)
            place = Endpoint(uri=wanted.uri, authentication=policy)
            return (await fetched(self, self.documents, place, self.limits)).content
        except ValidationError as error:
            reason = error.errors(include_url=False, include_input=False)[0]["msg"]
            raise ToolError(f"its 'authentication' cannot be used: {reason}") from None
        except TendrilError as error:
            raise ToolError(self.masks.hide(error.problem.detail or "")) from None

    def _unlocked(self, policy: Json) -> Json:
        """Return a policy with the secrets that it names in their places."""
        if not isinstance(policy, dict):
            return policy
        return {scheme: self._credentials(given) for scheme, given in policy.items()}

    def _credentials(self, given: Json) -> Json:
        name = given.get("use") if isinstance(given, dict) else None
        if not isinstance(name, str):
            return given
        try:
            secret = self.keyring.value(name)
        except SecretMissingError as error:
            raise ToolError(str(error)) from None
        self.masks.add(secret)
        return secret


class _Gathering:
    """What has been found so far; functions lead to more."""

    def __init__(self, parsed: Parsed, fetching: _Fetching, most: int) -> None:
        self._parsed, self._fetching, self._most = parsed, fetching, most
        self._functions: dict[str, tuple[Import, Parsed]] = {}
        self._schemas: dict[str, Json] = {}
        self._wrong: list[Finding] = []

    async def gathered(self, wanted: list[Import]) -> Complete:
        """Fetch what is wanted, and what that wants, until nothing is."""
        known: set[tuple[str, str]] = set()
        while wanted:
            known |= {(each.kind, each.name) for each in wanted}
            if len(known) > self._most:
                reason = f"this is more than {self._most} functions and schemas from elsewhere"
                raise FlowError([wanted[-1].wrong(f"{reason}; raise TENDRIL_IMPORT_MOST")])
            read = await asyncio.gather(*(self._read(each) for each in wanted))
            more = [nested for each in wanted for nested in self._nested(each)] if all(read) else []
            wanted = [each for each in more if (each.kind, each.name) not in known]
        if self._wrong:
            raise FlowError(in_order(self._wrong))
        return self._complete()

    def _complete(self) -> Complete:
        functions = {
            name: parsed.definition["use"]["functions"][name]
            for name, (_, parsed) in self._functions.items()
        }
        imports = Imports.model_validate({"functions": functions, "schemas": self._schemas})
        read = [
            (wanted, replace(parsed, flow=parsed.flow.importing(imports)))
            for wanted, parsed in self._functions.values()
        ]
        parsed = replace(self._parsed, flow=self._parsed.flow.importing(imports))
        return Complete(parsed, imports, tuple(read))

    def _nested(self, wanted: Import) -> list[Import]:
        if wanted.kind == "schema":
            return []
        return imports_of(self._functions[wanted.name][1], wanted)

    async def _read(self, wanted: Import) -> bool:
        """Fetch and keep one document; tell whether it is what was wanted."""
        try:
            content = await self._fetching.fetch(wanted)
            document = source.read(content.decode(), wanted.uri)
            self._keep(wanted, document)
        except TendrilError as error:
            self._wrong.append(wanted.wrong(f"it cannot be fetched: {error.problem.detail}"))
        except UnicodeDecodeError as error:
            self._wrong.append(wanted.wrong(f"{wanted.uri} is not UTF-8: {error.reason}"))
        except SourceError as error:
            self._wrong.append(wanted.wrong(str(error)))
        except FlowError as error:
            self._wrong += [wanted.wrong(str(each)) for each in error.findings]
        else:
            return True
        return False

    def _keep(self, wanted: Import, document: Document) -> None:
        if wanted.kind == "function":
            self._functions[wanted.name] = wanted, function_of(self._parsed, wanted, document)
        elif reason := flaw(document.value):
            raise SourceError(document.at(()), f"this is no JSON Schema: {reason}")
        else:
            self._schemas[wanted.name] = document.value
