"""One hop: claim the row, run the handler, record its outcome, advance, emit.

The protocol stands in ARCHITECTURE.md, "One hop". Whatever arrives late, twice or out of turn
meets a compare-and-set that it loses.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from events.errors import TendrilError
from events.flow.budget import exhausted
from events.vocabulary import idempotency_key, read_hop
from functions.host.context import Context
from functions.host.faults import Refused
from functions.host.heartbeat import Heartbeat
from functions.host.ledger.claims import Verdict
from functions.host.ledger.rows.history import Entry
from functions.host.logs import for_task
from functions.host.masks import Masks
from functions.host.metering import charge_of
from functions.host.outcomes import Outcome, from_error
from functions.host.started import Started
from functions.host.unsealing import Unsealing

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import aiohttp

    from events.envelope import Event, Message
    from events.vocabulary import Hop
    from functions.host.assembly import Platform
    from functions.host.context import Resources
    from functions.host.ledger.rows.task import Work
    from functions.host.outcomes import RetryPolicy
    from functions.host.stepping import Scope
    from functions.host.tool import Tool


class Worker:
    """Does hops for one tool; `do` is the whole of it."""

    def __init__(
        self,
        tool: Tool,
        platform: Platform,
        policy: RetryPolicy,
        *,
        folder: Path,
        http: aiohttp.ClientSession,
        resources: Resources,
        luck: Callable[[], float] = random.random,
    ) -> None:
        self._tool, self._policy, self._luck = tool, policy, luck
        self._ledger, self._blobs, self._clock = platform.ledger, platform.blobs, platform.clock
        self._settler, self._emitter = platform.settler, platform.emitter
        self._lease = platform.settings.lease
        self._evaluate = platform.jq.evaluate
        self._unsealing = Unsealing(self._evaluate, platform.settings.secrets_dir)
        self._folder, self._objects, self._http = folder, platform.objects, http
        self._resources = resources
        self._cold, self._started = True, Started.now(self._clock)

    async def do(self, event: Event) -> Message | None:
        """Take one event; return the next one's message, None when there is none to reply with.

        EnvelopeError and Refused mean the event is wrong; LedgerUnavailable and
        SinkUnavailable that it must be delivered again.
        """
        hop = read_hop(event)
        cold, self._cold = self._cold, False
        waited = self._started.kept_waiting(event) if cold else None
        claim = await self._ledger.claim(hop, now=self._clock(), lease=self._lease, cold=cold)
        if claim.verdict is Verdict.FORGED:
            raise Refused(403, "Not a task of this platform", claim.reason)
        if claim.work is None:
            return None
        if claim.verdict is Verdict.CLAIM:
            return await self._work(claim.work, hop, claim.scope, waited)
        if claim.verdict is Verdict.SETTLE:
            opened = await self._settler.settle(claim.work)
        elif claim.verdict is Verdict.AGAIN:
            opened = await self._emitter.reopened(claim.work)
        else:
            return None
        return await self._emitter.emit(claim.work.run, opened, reply=True)

    async def _work(
        self, work: Work, hop: Hop, scope: Scope | None, waited: float | None
    ) -> Message | None:
        outcome = await self._call(work, hop)
        if outcome is not None and waited is not None:
            outcome = replace(outcome, cold_ms=waited)
        if outcome is None or await self._parked(work, outcome):
            return None
        opened = await self._settler.finish(work, outcome, scope)
        if opened is None:
            return None
        return await self._emitter.emit(work.run, opened, reply=True)

    async def _call(self, work: Work, hop: Hop) -> Outcome | None:
        """Run the handler with a beating claim; None when the claim was lost meanwhile."""

        async def beat() -> bool:
            return await self._ledger.heartbeat(work.task, self._clock() + self._lease)

        outcome = None
        with Heartbeat(beat, self._lease / 3) as heart:
            outcome = await self._attempt(work, hop)
        return None if heart.lost else outcome

    async def _attempt(self, work: Work, hop: Hop) -> Outcome:
        """Load the input and run the handler on it; an input that is gone is the task's error."""
        try:
            data = await self._blobs.unpack(work.task.input) if hop.dataref else hop.data
        except TendrilError as error:
            return from_error(error)
        context = self._context(work)
        try:
            opened = await self._unsealing.opened(data, context)
        except TendrilError as error:
            return context.masks.outcome(from_error(error))
        metered = work.run.budget is not None
        call = self._metered(work, opened, context) if metered else self._tool.call(opened, context)
        return context.masks.outcome(context.meter.noted_in(await call))

    async def _metered(self, work: Work, data: Any, context: Context) -> Outcome:
        """Run the handler within the run's budget: what it may use is set aside before."""
        try:
            asked = await self._tool.estimate(data, context)
        except Exception as error:
            context.log.warning("what the call may use cannot be told", exc_info=error)
            return from_error(error)
        reserved = await self._ledger.reserve(work, asked, self._clock())
        if reserved.refusal:
            return Outcome(problem=exhausted(reserved.refusal))
        left = None if reserved.until is None else reserved.until - self._clock()
        try:
            async with asyncio.timeout(left):
                outcome = await self._tool.call(data, context)
        except TimeoutError:
            reason = f"the time of the budget of run {work.run.budget} ended during the call"
            outcome = Outcome(problem=exhausted(reason))
        return replace(outcome, spent=context.meter.spent)

    async def _parked(self, work: Work, outcome: Outcome) -> bool:
        """Set the timer of another attempt, if the outcome asks for one and one is left."""
        task = work.task
        if not outcome.retry or outcome.problem is None:
            return False
        wait = self._policy.wait(task.attempt, outcome.retry_after, self._luck())
        if wait is None:
            return False
        now = self._clock()
        detail = {"at": now + wait, "problem": outcome.problem.to_json(), **outcome.figures}
        entry = Entry("task.retrying", now, task.reference, task.instance, detail)
        charge = charge_of(work.run, outcome, again=True)
        await self._ledger.park(task, now + wait, entry, charge)
        return True

    def _context(self, work: Work) -> Context:
        task, run, masks = work.task, work.run, Masks()
        return Context(
            run=run.id,
            task=task.instance,
            attempt=task.attempt,
            idempotency_key=idempotency_key(run.id, task.instance, task.edition),
            timeout=self._tool.timeout,
            log=for_task(run.id, task.instance, run.trace, masks),
            folder=self._folder,
            objects=self._objects,
            http=self._http,
            resources=self._resources,
            evaluate=self._evaluate,
            masks=masks,
        )
