"""A flow's text becomes an immutable, pinned version in the ledger."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from events.flow.catalog import UnknownFunction
from events.flow.check import check
from events.flow.correlate import exact_type
from events.flow.listening import shapes_of
from events.flow.parse import FlowError, parse
from events.flow.starters import filters_of, gathers
from events.flow.syntax.run import PROCESSES
from events.flow.timetable import timetables_of
from functions.flow.imports import completed
from functions.host.catalog import load
from functions.host.faults import Refused
from functions.host.ledger.rows.flow import DoorRow, FlowRow, Schedule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from events.flow.catalog import Catalog
    from events.flow.parse import Finding, Parsed
    from functions.flow.imports import Complete
    from functions.host.assembly import Platform


async def deploy(platform: Platform, text: str) -> tuple[FlowRow, bool]:
    """Check and store a flow; return its row and whether it is new.

    Refused 400 lists every finding with line and column; 409 says that the version exists
    with other content.
    """
    parsed = _parsed(text)
    known = await platform.ledger.flow(parsed.digest)
    if known is not None:
        return known, False  # as it was deployed: what it refers to is not fetched again
    complete = await _checked(platform, parsed)
    row = _row(complete, text, load(platform.settings.tools))
    doors, schedules = _doors(row, parsed), _schedules(row, parsed)
    answer = await platform.ledger.deploy(row, doors, schedules, shapes_of(parsed.flow))
    if answer == "conflict":
        raise Refused(
            409,
            "Version exists",
            f"{row.called} is deployed with other content; versions "
            "are immutable: raise document.version and deploy again",
        )
    if answer == "same":
        row = await platform.ledger.flow(row.digest) or row  # as it was deployed, and when
    return row, answer == "created"


def _parsed(text: str) -> Parsed:
    try:
        return parse(text, "flow")
    except FlowError as error:
        raise _wrong(error.findings) from error


async def _checked(platform: Platform, parsed: Parsed) -> Complete:
    settings = platform.settings
    catalog = load(settings.tools)
    findings = check(parsed, catalog, platform.jq.compile)
    if findings:
        raise _wrong(findings)
    try:
        complete = await completed(parsed, settings.egress_allow, settings.secrets_dir)
    except FlowError as error:
        raise _wrong(error.findings) from error
    if findings := complete.check(catalog, platform.jq.compile):
        raise _wrong(findings)
    return complete


def _wrong(findings: list[Finding]) -> Refused:
    errors = [
        {"line": f.position.line, "column": f.position.column, "message": f.message}
        for f in findings
    ]
    first = findings[0]
    where = f"line {first.position.line}, column {first.position.column}"
    return Refused(400, "The flow is wrong", f"{where}: {first.message}", errors=errors)


def _row(complete: Complete, text: str, catalog: Catalog) -> FlowRow:
    parsed, imports = complete.parsed, complete.imports.definition()
    document = parsed.definition["document"]
    return FlowRow(
        digest=parsed.digest,
        namespace=document["namespace"],
        name=document["name"],
        version=document["version"],
        title=document.get("title", ""),
        definition=parsed.definition,
        source=text,
        functions=dict(_pins([parsed.definition, imports], catalog)),
        deployed_at=time.time(),
        imports=imports,
    )


def _pins(value: Any, catalog: Catalog) -> Iterator[tuple[str, str]]:
    """Yield each function a definition asks for, as it is named there, with its full version."""
    if isinstance(value, list):
        for item in value:
            yield from _pins(item, catalog)
    if isinstance(value, dict):
        called = value.get("call")
        if isinstance(called, str):
            yield from _pin(called, catalog)
        run = value.get("run")
        for kind in set(PROCESSES).intersection(run if isinstance(run, dict) else ()):
            yield from _pin(kind, catalog)
        for item in value.values():
            yield from _pins(item, catalog)


def _pin(called: str, catalog: Catalog) -> Iterator[tuple[str, str]]:
    try:
        yield called.removesuffix("@default"), catalog.resolve(called).version
    except UnknownFunction:
        return  # user data that happens to have a key `call`; `check` judged the real calls


def _doors(row: FlowRow, parsed: Parsed) -> list[DoorRow]:
    filters = filters_of(parsed.flow)
    of = len(filters) if gathers(parsed.flow) else 0
    return [
        DoorRow(
            row.digest,
            row.namespace,
            row.name,
            exact_type(condition),
            condition.definition(),
            number,
            of,
        )
        for number, condition in enumerate(filters)
    ]


def _schedules(row: FlowRow, parsed: Parsed) -> list[Schedule]:
    return [
        Schedule(row.digest, table.kind, table.spec, table.first(row.deployed_at))
        for table in timetables_of(parsed.flow)
    ]
