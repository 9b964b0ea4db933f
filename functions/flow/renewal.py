"""Redrive on a newer version of a flow: a new run that takes over what the old one has paid for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import semver

from events.errors import TendrilError
from events.flow import schemas
from functions.flow.starting import start
from functions.host.faults import Refused
from functions.host.ledger.rows.run import RunStatus

if TYPE_CHECKING:
    from typing import Any

    from functions.host.assembly import Platform
    from functions.host.deployed import Deployed
    from functions.host.ledger.rows.letter import Letter
    from functions.host.ledger.rows.run import RunRow

_TITLE: Final = "Cannot be redriven so"


async def renew(platform: Platform, letter: Letter, version: str) -> RunRow:
    """Start a run for an open letter on another version of its flow, and return it.

    Refused 409 says why the letter, its run and the version do not fit together.
    """
    old = await platform.ledger.run(letter.run) if letter.run else None
    if old is None:
        raise Refused(409, _TITLE, f"dead letter {letter.id} is about an event, not about a run")
    if old.status is not RunStatus.FAULTED:
        raise Refused(409, _TITLE, f"run {old.id} is {old.status}; only a faulted one is redriven")
    if old.awaited:
        detail = f"run {old.id} is the one that run {old.parent} waits for; redrive it as it is"
        raise Refused(409, _TITLE, detail)
    deployed = await _newer(platform, old, version)
    value = await platform.blobs.unpack(old.input)
    _fitting(deployed, value)
    run, opened = await start(
        platform,
        deployed.row,
        value,
        door="redrive",
        source=old.id,
        key=version,
        trace="",
        redrives=letter,
    )
    if await platform.ledger.run(run.id) is None:
        raise Refused(409, "Not open", f"dead letter {letter.id} was redriven just now")
    await platform.emitter.emit(run, opened, reply=False)
    return run


async def _newer(platform: Platform, old: RunRow, version: str) -> Deployed:
    """Return the version to go on with; Refused where it is none, or not a newer one."""
    row = await platform.ledger.flow_named(old.namespace, old.name, version)
    if row is None:
        called = f"{old.namespace}/{old.name}:{version}"
        raise Refused(409, _TITLE, f"no flow {called} is deployed; deploy it, and redrive again")
    if semver.Version.parse(version) <= semver.Version.parse(old.version):
        what = f"version {version} is not newer than the run's own, {old.version}"
        raise Refused(409, _TITLE, f"{what}; without a version the run itself goes on")
    return await platform.deployments.get(row.digest)


def _fitting(deployed: Deployed, value: Any) -> None:
    """Refuse an input that the new version does not take."""
    given = deployed.flow.input
    if given is None or given.schema_ is None or "document" not in given.schema_.model_fields_set:
        return
    try:
        schemas.validate(given.schema_.document, value, "old run's input")
    except TendrilError as error:
        raise Refused(409, _TITLE, str(error)) from error
