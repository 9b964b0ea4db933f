"""What a flow refers to that lies elsewhere: which functions and schemas to fetch, and from where.

They are fetched when the flow is deployed and kept with it: a run never fetches them.

Where the specification leaves room: a call of a cataloged function gives its full version, as its
folder does. `use.catalogs.default` takes the place of this platform's own catalog for calls that
end in `@default`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Literal

from pydantic import ValidationError

from events.flow.authentications import named
from events.flow.catalog import DEFAULT
from events.flow.explain import explain
from events.flow.finding import Finding, FlowError
from events.flow.place import Place, value_at
from events.flow.raw import cataloged, raw
from events.flow.rules.visit import tasks_of
from events.flow.syntax.call import BUILT_IN, CallTask
from events.flow.syntax.flow import Flow
from events.flow.syntax.listen import ListenTask
from events.flow.syntax.resource import uri_of
from events.source import Document, Position

if TYPE_CHECKING:
    from collections.abc import Iterator

    from events.flow.parse import Parsed
    from events.source import Path

Json = Any

NAMED: Final = re.compile(
    r"(?P<name>\w[\w.-]*):(?P<version>[0-9]+\.[0-9]+\.[0-9]+[\w.+-]*)@(?P<catalog>.+)"
)
"""How a call names a version of a function of a catalog."""
_CREDENTIALS: Final = frozenset({"authentications", "secrets"})
_SCHEMAS: Final = ("input", "output", "export")


@dataclass(frozen=True, slots=True)
class Import:
    """One document to fetch, and who wants it."""

    kind: Literal["function", "schema"]
    name: str
    """How the flow calls it: the `call`, or the schema's URI as written."""
    uri: str
    """Where its text lies."""
    position: Position
    """Where in the flow it is wanted."""
    place: str
    """The same in words, and by which functions."""
    authentication: Json = None
    """The policy to authenticate there by, as written: constants, and the names of secrets."""

    @property
    def path(self) -> Path:
        """Where a function would be defined if the flow did it."""
        return ("use", "functions", self.name)

    def wrong(self, reason: str) -> Finding:
        """Return the finding that the document cannot be used."""
        return Finding(self.position, f"{self.place}: {reason}")


def imports_of(parsed: Parsed, of: Import | None = None) -> list[Import]:
    """Return what a flow wants, each once; `of` a function: what that one wants itself.

    The function's flow is what `function_of` returned.
    """
    found: dict[tuple[str, str], Import] = {}
    for each in [*_functions(parsed), *_schemas(parsed)]:
        if of is None:
            found.setdefault((each[1].kind, each[1].name), each[1])
        elif each[0].below(of.path):
            trail = f"{of.place}: {each[1].position}: {each[1].place}"
            wanted = replace(each[1], position=of.position, place=trail)
            found.setdefault((wanted.kind, wanted.name), wanted)
    return list(found.values())


def function_of(parsed: Parsed, wanted: Import, document: Document) -> Parsed:
    """Return the flow as if it defined a fetched function, and had no tasks.

    Positions are those of the fetched text. Raises FlowError where it is no function.
    """
    use = parsed.definition.get("use", {})
    functions = {**use.get("functions", {}), wanted.name: document.value}
    definition = {**parsed.definition, "use": {**use, "functions": functions}, "do": []}
    value = {"use": {"functions": {wanted.name: document.value}}}
    positions = {(*wanted.path, *inside): at for inside, at in document.positions.items()}
    nested = Document(document.file, value, {(): Position(document.file, 1, 1), **positions})
    try:
        flow = Flow.model_validate(definition)
    except ValidationError as error:
        raise FlowError(explain(error.errors(include_url=False), nested)) from None
    return replace(parsed, flow=flow, document=nested, definition=definition)


def confined(function: Parsed) -> Parsed:
    """Return what `function_of` made without the flow's secrets and policies.

    Others wrote the function: what it may use of the flow's credentials it must not choose.
    """
    use = function.definition["use"]
    kept = {name: part for name, part in use.items() if name not in _CREDENTIALS}
    return replace(function, definition={**function.definition, "use": kept})


def calls_elsewhere(parsed: Parsed) -> Iterator[tuple[Place, str]]:
    """Yield the calls of what is neither the flow's own nor the platform's."""
    for visit in tasks_of(parsed.flow):
        if isinstance(visit.task, CallTask) and is_elsewhere(parsed.flow, visit.task.call):
            yield visit.place("call"), visit.task.call


def is_elsewhere(flow: Flow, call: str) -> bool:
    """Tell whether a function is fetched, so that nobody knows it before a deployment."""
    own = (flow.use and flow.use.functions) or {}
    catalogs = (flow.use and flow.use.catalogs) or {}
    catalog = call.partition("@")[2]
    ours = catalog in {"", DEFAULT} and catalog not in catalogs
    return call not in own and call not in BUILT_IN and ("://" in call or not ours)


def resources_of(parsed: Parsed) -> Iterator[Place]:
    """Yield the places of the endpoints of schemas."""
    schemas = [Place((name, "schema")) for name in ("input", "output")]
    for visit in tasks_of(parsed.flow):
        schemas += [visit.place(name, "schema") for name in _SCHEMAS]
        if isinstance(visit.task, ListenTask | CallTask) and visit.task.foreach:
            at = visit.task.foreach_at
            schemas += [visit.place(*at, name, "schema") for name in _SCHEMAS[1:]]
    for place in schemas:
        endpoint = Place((*place.path, "resource", "endpoint"), place.task)
        if value_at(parsed.definition, endpoint.path) is not None:
            yield endpoint


def address(parsed: Parsed, endpoint: Place) -> str:
    """Return the URI of the endpoint at a place, as written."""
    given: Json = value_at(parsed.definition, endpoint.path)
    return str(given["uri"] if isinstance(given, dict) else given)


def policy_of(parsed: Parsed, endpoint: Place) -> Json:
    """Return the policy of the endpoint at a place, the one that it names where it does."""
    given: Json = value_at(parsed.definition, endpoint.path)
    own = given.get("authentication") if isinstance(given, dict) else None
    return named(own, parsed.flow.policies)


def _functions(parsed: Parsed) -> Iterator[tuple[Place, Import]]:
    catalogs = (parsed.flow.use and parsed.flow.use.catalogs) or {}
    for place, call in calls_elsewhere(parsed):
        position, found = parsed.document.at(place.path), NAMED.fullmatch(call)
        if "://" in call:
            yield place, Import("function", call, raw(call), position, str(place))
        elif found and found["catalog"] in catalogs:
            root = uri_of(catalogs[found["catalog"]].endpoint)
            uri = cataloged(root, found["name"], found["version"])
            by = policy_of(parsed, Place(("use", "catalogs", found["catalog"], "endpoint")))
            yield place, Import("function", call, uri, position, str(place), by)


def _schemas(parsed: Parsed) -> Iterator[tuple[Place, Import]]:
    for place in resources_of(parsed):
        uri, position = address(parsed, place), parsed.document.at(place.path)
        by = policy_of(parsed, place)
        yield place, Import("schema", uri, raw(uri), position, str(place), by)
