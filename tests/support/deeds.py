"""What may befall a platform, done on purpose: crashes, stops, losses, a wrong clock, no room."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Final

import aiohttp
import psycopg

if TYPE_CHECKING:
    import random
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from tests.support.local_platform import LocalPlatform
    from tests.support.postgres import Postgres

_FULL: Final = """
CREATE OR REPLACE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full';
END $$;
CREATE TRIGGER no_room BEFORE INSERT OR UPDATE ON tasks EXECUTE FUNCTION no_room();
"""
_ENOUGH: Final = str(1 << 60)


class Deeds:
    """Does to a platform, and to its PostgreSQL where it has one, what a name in `kinds` says.

    A deed waits for what it is done to, and what must not last is undone when it returns.
    """

    def __init__(
        self,
        platform: LocalPlatform,
        clock: Path,
        luck: random.Random,
        lease: float,
        postgres: Postgres | None,
    ) -> None:
        self._platform, self._clock, self._luck = platform, clock, luck
        self._lease, self._postgres = lease, postgres
        self._kinds: dict[str, Callable[[], Awaitable[None]]] = {
            "kill the runtime": self._kill_runtime,
            "freeze the runtime": self._freeze_runtime,
            "kill a function": lambda: self._function(freeze=False),
            "kill the flow service": lambda: self._function("flow", freeze=False),
            "freeze a function beyond its lease": lambda: self._function(freeze=True),
            "set the clock": self._set_clock,
            "lose the broker's disk": self._lose_broker,
            "fill the disk": self._fill_disk,
        }
        if postgres:
            self._kinds["crash PostgreSQL"] = self._crash_postgres

    @property
    def kinds(self) -> list[str]:
        """The names of all deeds that can be done here."""
        return list(self._kinds)

    async def do(self, kind: str) -> None:
        """Do one of them."""
        await self._kinds[kind]()

    async def _kill_runtime(self) -> None:
        await self._platform.kill()
        await self._platform.start()

    async def _freeze_runtime(self) -> None:
        self._platform.signal(signal.SIGSTOP)
        await asyncio.sleep(self._luck.uniform(0.5, self._lease * 1.2))
        self._platform.signal(signal.SIGCONT)

    async def _function(self, only: str = "", *, freeze: bool) -> None:
        while True:
            if running := await self._running(only):
                with contextlib.suppress(ProcessLookupError):
                    pid = self._luck.choice(running)
                    os.kill(pid, signal.SIGSTOP if freeze else signal.SIGKILL)
                    if freeze:
                        await asyncio.sleep(self._lease * 1.4)
                        os.kill(pid, signal.SIGCONT)
                    return
            await asyncio.sleep(0.2)

    async def _running(self, only: str) -> list[int]:
        try:
            services = await self._platform.services()
        except (aiohttp.ClientError, TimeoutError):
            return []
        named = sorted(services.items())
        return [each["pid"] for name, each in named if each["pid"] and only in {"", name}]

    async def _set_clock(self) -> None:
        """Set every process's clock off by a few leases, there and back."""
        for offset in (self._luck.choice((1.5, 4)), -1.5, 0):
            self._clock.write_text(str(offset * self._lease))
            await asyncio.sleep(self._luck.uniform(0.5, self._lease))

    async def _lose_broker(self) -> None:
        """Crash, and come back without anything that the broker had accepted."""
        await self._platform.kill()
        for file in self._platform.data.glob("broker.db*"):
            file.unlink()
        await self._platform.start()

    async def _fill_disk(self) -> None:
        """Leave the ledger no room, and the broker none for new events, for some seconds."""
        if self._postgres:
            url = self._platform.environment["TENDRIL_LEDGER"]
            with psycopg.connect(url, autocommit=True) as db:
                db.execute(_FULL)
                await asyncio.sleep(self._lease)
                db.execute("DROP TRIGGER no_room ON tasks")
            return
        with closing(sqlite3.connect(self._platform.data / "ledger.db")) as ledger:
            [pages] = ledger.execute("PRAGMA page_count").fetchone()
        room = {"TENDRIL_LEDGER_MAX_PAGES": str(pages + 1), "TENDRIL_MIN_FREE_BYTES": _ENOUGH}
        before = dict(self._platform.environment)
        self._platform.environment |= room
        await self._kill_runtime()
        await asyncio.sleep(self._lease)
        self._platform.environment = before
        await self._kill_runtime()

    async def _crash_postgres(self) -> None:
        assert self._postgres
        self._postgres.crash()
        await asyncio.sleep(self._luck.uniform(0.1, self._lease))
        await asyncio.to_thread(self._postgres.start)
