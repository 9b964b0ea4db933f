"""Redrive as a new run, which takes over what the old one has paid for.

That is how a run goes on with a newer version of its flow, and one that has no task to go on from.
"""

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

UNEDITED: Final = object()
"""Says that an input is to be used as it is."""
_TITLE: Final = "Cannot be redriven so"


async def renew(
    platform: Platform, letter: Letter, version: str | None, value: Any = UNEDITED
) -> RunRow:
    """Start a run for an open letter, and return it.

    It is on a newer version of the flow, or on the old run's own where `version` is None, and has
    the old run's input unless `value` is another one. Refused 409 says why the letter, its run and
    the version do not fit together.
    """
    old = await platform.ledger.run(letter.run) if letter.run else None
    if old is None:
        raise Refused(409, _TITLE, f"dead letter {letter.id} is about an event, not about a run")
    if old.status is not RunStatus.FAULTED:
        raise Refused(409, _TITLE, f"run {old.id} is {old.status}; only a faulted one is redriven")
    if old.awaited:
        detail = f"run {old.id} is the one that run {old.parent} waits for; redrive it as it is"
        raise Refused(409, _TITLE, detail)
    deployed = await _chosen(platform, old, version)
    if value is UNEDITED:
        value = await platform.blobs.unpack(old.input)
    _fitting(deployed, value)
    run, opened = await start(
        platform,
        deployed.row,
        value,
        door="redrive",
        source=old.id,
        key=version or letter.id,
        trace="",
        redrives=letter,
    )
    if await platform.ledger.run(run.id) is None:
        raise Refused(409, "Not open", f"dead letter {letter.id} was redriven just now")
    await platform.emitter.emit(run, opened, reply=False)
    return run


async def _chosen(platform: Platform, old: RunRow, version: str | None) -> Deployed:
    """Return the version to go on with; Refused where it is none, or not a newer one."""
    if version is None:
        return await platform.deployments.get(old.digest)
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
    if given is None or given.schema_ is None:
        return
    try:
        schemas.validate(deployed.flow.document_of(given.schema_), value, "old run's input")
    except TendrilError as error:
        raise Refused(409, _TITLE, str(error)) from error
