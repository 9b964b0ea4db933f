"""Redrive as a new run, which takes over what the old one has paid for.

That is how a run goes on with a newer version of its flow, and one that has no task to go on from.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import semver

from events.errors import TendrilError
from events.flow import schemas
from events.vocabulary import child_id, identify, run_id
from functions.host.beginning import beginning, called_by
from functions.host.faults import Refused
from functions.host.ledger.rows.run import RunStatus

if TYPE_CHECKING:
    from typing import Any

    from functions.host.assembly import Platform
    from functions.host.deployed import Deployed
    from functions.host.ledger.rows.flow import FlowRow
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
    deployed = await _chosen(platform, old, version)
    if value is UNEDITED:
        value = await platform.blobs.unpack(old.input)
    _fitting(deployed, value)
    made = await _successor(platform, old, deployed.row, value, version or letter.id)
    run, opened = await platform.settler.start(made, letter.id)
    if await platform.ledger.run(run.id) is None:
        reason = "was redriven just now, or the run that awaits its run has moved on"
        raise Refused(409, "Not open", f"dead letter {letter.id} {reason}")
    await platform.emitter.emit(run, opened, reply=False)
    return run


async def _successor(
    platform: Platform, old: RunRow, flow: FlowRow, value: Any, key: str
) -> RunRow:
    """Return the run that takes over from another, and its place where a run awaits that one."""
    waiting = await platform.ledger.task(old.parent, old.caller) if old.parent else None
    if waiting is None or not old.awaited:
        identity = run_id(flow.namespace, flow.name, "redrive", old.id, key)
        packed = await platform.blobs.pack(value, identity)
        run = beginning(flow, identity, packed, platform.clock(), identify("trace", identity))
        return replace(run, origin=old.id)
    task, above = waiting.task, waiting.run
    identity = child_id(above.id, task.instance, task.attempt + 1)
    packed = await platform.blobs.pack(value, identity)
    run = beginning(flow, identity, packed, platform.clock(), above.trace)
    run = called_by(run, waiting, awaited=True)
    return replace(run, origin=old.id)


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
