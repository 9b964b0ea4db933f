"""One container from its making to its end, whichever attempt made it."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from events.errors import ToolError
from functions.container.command import KEY, TASK, UNTIL, create
from functions.host.process.program import Ended

if TYPE_CHECKING:
    from functions.container.engine import Engine
    from functions.container.models import In, Settings
    from functions.host.context import Context


@dataclass(frozen=True, slots=True)
class Container:
    """The container of one task."""

    engine: Engine
    request: In
    settings: Settings
    labels: dict[str, str]

    @classmethod
    def of(cls, request: In, context: Context, engine: Engine, settings: Settings) -> Container:
        """Return a task's; its labels are the same at each attempt."""
        labels = {KEY: context.idempotency_key, TASK: f"{context.run}{context.task}"}
        return cls(engine, request, settings, labels)

    async def begun(self) -> str:
        """Start the container, unless an earlier attempt did; return its id."""
        found = await self._found()
        return found or await self.engine.say("start", await self._made())

    async def ended(self) -> Ended:
        """Return how the container ended; it is stopped if the call is, and removed if asked."""
        found = await self._found()
        one = found or await self._made()
        try:
            return await (self._outlived(one) if found else self._attached(one))
        except BaseException:
            await asyncio.shield(self.engine.run("stop", "--time=0", one))
            raise
        finally:
            if self.request.lifetime.cleanup == "always":
                await asyncio.shield(self.engine.run("rm", "--force", "--volumes", one))

    async def _found(self) -> str | None:
        """Return the container that an earlier attempt started; remove what is of no more use."""
        ours = await self._labelled(KEY)
        others = [each for each in await self._labelled(TASK) if each not in ours]
        useful = None
        for each in ours:
            state = await self.engine.say("inspect", "--format={{.State.Status}}", each)
            # what was fed may not have been fed to its end
            if state in {"running", "exited"} and self.request.stdin is None:
                useful = each
            else:
                others.append(each)
        if others:
            await self.engine.say("rm", "--force", *others)
        return useful

    async def _labelled(self, name: str) -> list[str]:
        label = f"--filter=label={name}={self.labels[name]}"
        said = await self.engine.say("ps", "--all", "--no-trunc", "--format={{.ID}}", label)
        return said.split()

    async def _made(self) -> str:
        arguments = create(self.request, self.settings, self.labels, time.time())
        return (await self.engine.say(*arguments)).split()[-1]

    async def _attached(self, one: str) -> Ended:
        fed = self.request.fed
        interactive = [] if fed is None else ["--interactive"]
        said = await self.engine.run("start", "--attach", *interactive, one, stdin=fed)
        state = await self.engine.say(
            "inspect", "--format={{.State.Status}} {{.State.ExitCode}}", one
        )
        status, code = state.split()
        if status != "exited":
            reason = said.stderr.strip() or f"it is {status}"
            raise ToolError(f"the container did not run: {reason}", title="No container")
        return Ended(int(code), said.stdout, said.stderr)

    async def _outlived(self, one: str) -> Ended:
        code = await self.engine.say("wait", one)
        said = await self.engine.run("logs", one)
        return Ended(int(code), said.stdout, said.stderr)


async def sweep(engine: Engine, now: float) -> None:
    """Remove the containers that have ended and whose time is over."""
    ended = ("ps", "--all", "--filter=status=exited", f"--filter=label={UNTIL}")
    ids = (await engine.say(*ended, "--no-trunc", "--format={{.ID}}")).split()
    if not ids:
        return
    label = f'--format={{{{index .Config.Labels "{UNTIL}"}}}}'
    times = (await engine.say("inspect", label, *ids)).split()
    over = [one for one, until in zip(ids, times, strict=True) if int(until) <= now]
    if over:
        await engine.run("rm", "--force", "--volumes", *over)
