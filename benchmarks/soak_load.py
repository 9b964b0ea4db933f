"""The mixed load of a soak: runs of several kinds in turns, and what their clients do for them."""

from __future__ import annotations

import asyncio
import itertools
import json
from typing import TYPE_CHECKING, Any, Final

from benchmarks.flows import chain, fork, loop

if TYPE_CHECKING:
    from benchmarks.local import Platform

HEAD: Final = "document: {{dsl: '1.0.3', namespace: bench, name: {}, version: '1.0.0'}}\n"
EAR: Final = """do:
  - hear:
      listen:
        to:
          one:
            with: {type: soak.told}
            correlate: {n: {from: .data.n, expect: '${ .n }'}}
"""
LARGE: Final = """do:
  - grow: {set: {n: '${ .n }', text: '${ "x" * 100000 }'}}
  - keep: {call: ping, with: {n: '${ .n }'}}
  - tell: {emit: {event: {with: {type: soak.tell, source: 'https://x.test/soak', data: '${ . }'}}}}
"""
MIXED: Final = """timeout: {after: PT1M}
do:
  - mend:
      try: [{fail: {raise: {error: {type: 'https://x.test/odd', status: 418, title: Odd}}}}]
      catch:
        retry: {delay: PT0.1S, limit: {attempt: {count: 1}}}
        do: [{note: {set: {n: 1}}}]
  - late:
      try: [{nap: {timeout: {after: PT0.2S}, do: [{long: {wait: PT1H}}]}}]
      catch: {do: [{note: {set: {n: 1}}}]}
  - child: {run: {workflow: {namespace: bench, name: chained, version: '1.0.0', input: {n: 1}}}}
  - race:
      fork: {compete: true, branches: [{slow: {wait: PT1H}}, {quick: {call: ping, with: {n: 1}}}]}
"""
DOOR: Final = "schedule: {on: {one: {with: {type: soak.tell}}}}\ndo: [{s: {set: {n: 1}}}]\n"
BROKEN: Final = "do: [{add: {call: ping, with: {n: '${ .n }'}}}]\n"


class Load:
    """Several clients in turns, each with one kind of run; `done` counts the runs that ended."""

    def __init__(self, local: Platform) -> None:
        self._local, self._numbers = local, itertools.count()
        self.done = 0

    async def deploy(self) -> None:
        """Deploy what the clients run."""
        texts = {"ear": EAR, "large": LARGE, "mixed": MIXED, "door": DOOR, "broken": BROKEN}
        for text in (chain("chained", 3), fork("forked", 5), loop("looped", 3)):
            await self._local.api("POST", "/flows", data=text)
        for name, body in texts.items():
            await self._local.api("POST", "/flows", data=HEAD.format(name) + body)

    async def drive(self, rate: float) -> None:
        """Start so many runs a second, of each kind in turn, until cancelled."""
        kinds = ("chained", "forked", "looped", "large", "mixed", "ear", "broken")
        async with asyncio.TaskGroup() as group:
            for kind, n in zip(itertools.cycle(kinds), self._numbers, strict=False):
                group.create_task(self._one(kind, n))
                await asyncio.sleep(1 / rate)

    async def _one(self, kind: str, n: int) -> None:
        if kind == "ear":
            await self._ear(n)
        elif kind == "broken":
            await self._broken()
        else:
            await self._run(kind, {"n": n, "items": list(range(6))})
        self.done += 1

    async def _run(self, flow: str, value: Any) -> None:
        run = await self._local.run(f"bench/{flow}", value)
        assert run["status"] == "completed", run

    async def _ear(self, n: int) -> None:
        """Run one that listens, tell it, and tell nobody something else."""
        await self._publish("soak.nobody", n)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._run("ear", {"n": n}))
            group.create_task(self._publish("soak.told", n))

    async def _broken(self) -> None:
        """Run one that faults, and redrive it with an input that will do."""
        run = await self._local.run("bench/broken", {"n": "no number"})
        letters: list[Any] = []
        while not letters:
            answer = await self._local.api("GET", "/deadletters?status=open&limit=1000")
            letters = [each for each in answer["deadletters"] if each["run"] == run["id"]]
            await asyncio.sleep(0.2)
        path = f"/deadletters/{letters[0]['id']}/redrive"
        await self._local.api("POST", path, json={"input": {"n": 1}})

    async def _publish(self, kind: str, n: int) -> None:
        event = {"specversion": "1.0", "id": f"{kind}-{n}", "source": "/soak", "type": kind}
        headers = {"Content-Type": "application/cloudevents+json"}
        body = json.dumps({**event, "data": {"n": n}})
        url = f"{self._local.url}/default/default"
        async with self._local.session.post(url, data=body, headers=headers) as response:
            response.raise_for_status()
