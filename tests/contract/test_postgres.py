"""What only the ledger on PostgreSQL promises: about its server, its tables and its connections."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from functions.host.ledger import LedgerUnavailable, open_ledger
from functions.host.ledger.postgres import PostgresLedger, connections, history, schema
from functions.host.ledger.rows.letter import Letter, LetterStatus
from tests.support.contender import NOW, hop, run, started, step, task
from tests.support.postgres import Postgres

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path


@pytest.fixture
def own() -> Iterator[Postgres]:
    """A server that a test may do to what it likes; not yet running."""
    server = Postgres()
    yield server
    server.close()


Opener = Callable[..., PostgresLedger]


@pytest.fixture
async def opener() -> AsyncIterator[Opener]:
    """Opens ledgers; they are closed with the test, however it ends."""
    opened: list[PostgresLedger] = []

    def open_one(url: str, most: int = 2) -> PostgresLedger:
        opened.append(PostgresLedger(url, connections=most))
        return opened[-1]

    yield open_one
    await asyncio.gather(*(each.close() for each in opened))


@pytest.fixture
def ledger(opener: Opener, postgres: Postgres) -> PostgresLedger:
    """An empty ledger."""
    return opener(postgres.database())


async def reason(ledger: PostgresLedger) -> str:
    with pytest.raises(LedgerUnavailable) as failure:
        await ledger.run("r0")
    return str(failure.value)


def test_the_default_start_loads_no_driver(tmp_path: Path) -> None:
    """A host on SQLite imports neither psycopg nor the migration library: its memory is kept."""
    code = (
        "import sys, functions.host.serve\n"
        "from functions.host.ledger import open_ledger\n"
        "open_ledger('sqlite:///' + sys.argv[1])\n"
        "print(*{'psycopg', 'psycopg_pool', 'yoyo'} & set(sys.modules))"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "ledger.db")]
    assert not subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mysql://u:secret@h/d", "starts with 'mysql:'"),
        ("postgresql://u:secret@h/d?colour=blue", 'invalid URI query parameter: "colour"'),
    ],
)
def test_a_wrong_url_is_refused_at_once(url: str, said: str) -> None:
    """An unknown scheme or parameter is named with what was expected, the password is not."""
    with pytest.raises(ValueError, match=r"expected .*postgresql://user:password@host") as wrong:
        open_ledger(url)
    assert said in str(wrong.value)
    assert "secret" not in str(wrong.value)


async def test_a_server_that_starts_later_is_found(opener: Opener, own: Postgres) -> None:
    """Until then every call says where and what to do, without the password; then it works."""
    url = own.url().replace("tendril@", "tendril:secret@")
    ledger = opener(url, 2)
    said = await reason(ledger)
    assert f"127.0.0.1:{own.port}/postgres cannot be reached" in said
    assert "start PostgreSQL there or correct TENDRIL_LEDGER" in said
    assert "secret" not in said
    own.start()
    if str(own.port) in said:  # it may have moved, when its port was taken meanwhile
        await ledger.ready()


async def test_a_crash_of_the_server_is_outlived(opener: Opener, own: Postgres) -> None:
    """Calls fail while it is away; after its return the first calls work, with all they had."""
    own.start()
    ledger = opener(own.database(), 8)
    await ledger.open(run("r0"), started("r0"))
    await asyncio.gather(*(ledger.run("r0") for _ in range(50)))
    own.crash()
    assert "cannot be" in await reason(ledger)
    own.start()
    found = await asyncio.gather(*(ledger.run("r0") for _ in range(50)))
    assert {row.id for row in found if row} == {"r0"}
    assert await ledger.transit(step("r0", 1))


async def test_a_restart_between_two_calls_is_not_noticed(opener: Opener, own: Postgres) -> None:
    """Idle connections that the server dropped are replaced before anything is sent on them."""
    own.start()
    ledger = opener(own.database(), 8)
    await ledger.open(run("r0"), started("r0"))
    await asyncio.gather(*(ledger.scope("r0", "") for _ in range(50)))
    for rev in (1, 2, 3):
        own.crash()
        own.start()
        assert await ledger.transit(step("r0", rev))


async def test_a_frozen_server_is_not_waited_for(
    opener: Opener, own: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that answers nothing is a LedgerUnavailable in bounded time; thawed, it serves."""
    own.start()
    ledger = opener(own.database(), 2)
    await ledger.ready()
    monkeypatch.setattr(connections, "_PATIENCE", 1.0)
    own.freeze()
    try:
        async with asyncio.timeout(15):
            said = await reason(ledger)
    finally:
        own.thaw()
    assert "did not answer in 1 s" in said
    monkeypatch.undo()
    await ledger.ready()


async def test_a_frozen_host_lets_go_of_its_locks(
    opener: Opener, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A host that stops amid a transaction delays others by the server's limit, and fails."""
    quick = connections._LIMITS.replace("session_timeout', '10s'", "session_timeout', '1s'")
    assert quick != connections._LIMITS
    monkeypatch.setattr(connections, "_LIMITS", quick)
    url = postgres.database()
    frozen, other = (opener(url, 1) for _ in range(2))
    await frozen.open(run("r0"), started("r0"))
    held = asyncio.Event()

    async def hold(db: connections.Database) -> None:
        await (await db.execute("SELECT 1 FROM runs FOR UPDATE")).fetchone()
        held.set()
        await asyncio.sleep(3)
        await history.append(db, "r0", [])

    holding = asyncio.create_task(frozen._write(hold))
    await held.wait()
    async with asyncio.timeout(2.5):
        assert await other.transit(step("r0", 1))
    with pytest.raises(LedgerUnavailable):
        await holding


async def test_busy_connections_are_named(
    opener: Opener, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When every connection is in use for too long, the message names the setting."""
    monkeypatch.setattr(connections, "_WAIT", 0.5)
    small = opener(postgres.database(), 1)
    await small.ready()
    blocking = asyncio.create_task(small._read(lambda db: db.execute("SELECT pg_sleep(3)")))
    await asyncio.sleep(0)
    said = [text for text in [await reason(small)] if "TENDRIL_LEDGER_CONNECTIONS" in text]
    assert said
    await blocking


async def test_hosts_that_start_at_once_make_the_tables_once(
    opener: Opener, postgres: Postgres
) -> None:
    """Eight hosts on an empty database all find it ready, and each migration was applied once."""
    url = postgres.database()
    ledgers = [opener(url, 1) for _ in range(8)]
    await asyncio.gather(*(ledger.ready() for ledger in ledgers))
    with psycopg.connect(url) as db:
        rows = db.execute(
            "SELECT migration_id FROM _yoyo_migration ORDER BY applied_at_utc"
        ).fetchall()
    assert [row[0] for row in rows] == sorted(file.stem for file in schema._FOLDER.glob("*.sql"))


async def test_a_host_that_died_while_it_migrated_blocks_nobody(
    opener: Opener, postgres: Postgres
) -> None:
    """The lock that the library leaves behind is taken away by the next host."""
    url = postgres.database()
    with psycopg.connect(url) as db:
        db.execute(
            "CREATE TABLE yoyo_lock (locked INT DEFAULT 1 PRIMARY KEY, ctime TIMESTAMP, pid INT)"
        )
        db.execute("INSERT INTO yoyo_lock (pid) VALUES (1)")
    ledger = opener(url, 1)
    async with asyncio.timeout(5):
        await ledger.ready()


async def test_tables_of_a_newer_version_are_refused(opener: Opener, postgres: Postgres) -> None:
    """A ledger with migrations this version does not know is left alone, and they are named."""
    url = postgres.database()
    await asyncio.to_thread(schema.migrate, url)
    with psycopg.connect(url) as db:
        db.execute(
            "INSERT INTO _yoyo_migration (migration_hash, migration_id) VALUES ('x', '9.future')"
        )
    ledger = opener(url, 1)
    assert "9.future of a newer Tendril" in await reason(ledger)


async def test_what_is_stored_comes_back_as_it_was(ledger: PostgresLedger) -> None:
    """Packed texts are equal byte for byte, JSON keeps its order; only a raw NUL is replaced."""
    packed = '{"z": 1.0, "a":\t"\\u0000", "a": 1e2}'
    await ledger.open(replace(run("r0"), input=packed), started("r0"))
    row = await ledger.run("r0")
    assert row
    assert row.input == packed
    event = {"z": 1.5, "a": {"y": "\0", "b": [1, None]}}
    letter = Letter("l1", LetterStatus.OPEN, "bad \0 byte", 500, NOW, "", event)
    await ledger.add_letter(letter)
    stored = await ledger.letter("l1")
    assert stored
    assert list(stored.event) == ["z", "a"]
    assert (stored.event, stored.reason) == (event, "bad \ufffd byte")


async def test_only_promises_wait_for_the_disk(
    ledger: PostgresLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A claim and a heartbeat commit without a sync, everything else with one."""
    seen: list[str] = []
    transact = connections.Connections._transact

    async def spied(self: connections.Connections, work: Any, *, promise: bool) -> Any:
        async def asking(db: connections.Database) -> Any:
            found = await (await db.execute("SHOW synchronous_commit")).fetchone()
            assert found
            seen.append(found[0])
            return await work(db)

        return await transact(self, asking, promise=promise)

    monkeypatch.setattr(connections.Connections, "_transact", spied)
    held = replace(task("r0"), token=1)
    await ledger.open(run("r0"), started("r0"))
    await ledger.claim(hop("r0"), now=NOW, lease=10, cold=False)
    await ledger.heartbeat(held, NOW + 10)
    await ledger.record(held, "{}", NOW + 10)
    await ledger.transit(step("r0", 1))
    await ledger.cancel("r0", NOW)
    assert seen == ["on", "off", "off", "on", "on", "on"]
