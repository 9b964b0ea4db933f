"""The durable store: what is committed stays, what failed is not there, the file does not grow."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from knative.local import tables
from knative.local.exchange import Failure
from knative.local.store import MAX_GROUP, Store
from knative.local.tables import Change, Kept, Owed, StoreError, StoreFull

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import AsyncIterator, Awaitable, Callable

    from events.envelope import Event


class Client:
    """Writes to a store as the broker does, and waits for the commit."""

    def __init__(self, path: Path, event: Callable[..., Event]) -> None:
        self.path = path
        self.event = event
        self.store = Store(path)
        self.store.open()

    def change(self, size: int = 10, *, name: str = "1") -> Change:
        """Return a change that stores one event with one delivery."""
        seq, number = self.store.event_number(), self.store.delivery_number()
        kept = Kept(seq, "default/default", 255, self.event(name, data="x" * size))
        return Change([kept], [Owed(number, seq, "default/t")])

    async def write(self, change: Change) -> None:
        """Write and wait; raises what the store reports."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def committed(error: StoreError | None) -> None:
            if error is None:
                done.set_result(None)
            else:
                done.set_exception(error)

        self.store.write(change, committed)
        await done

    def finish(self, change: Change) -> None:
        """Let go of everything a change stored, lazily."""
        for owed in change.deliveries:
            self.store.finish(owed.id)
            self.store.forget(owed.event)

    async def reopen(self) -> list[Owed]:
        """Close and open again; return what is owed."""
        await self.store.close()
        self.store = Store(self.path)
        return self.store.open()


@pytest.fixture
async def client(tmp_path: Path, event: Callable[..., Event]) -> AsyncIterator[Client]:
    """A client of an empty store."""
    made = Client(tmp_path / "broker.db", event)
    yield made
    await made.store.close()


async def test_an_event_is_read_back_as_it_was(client: Client) -> None:
    """Attributes keep their JSON types and data its bytes."""
    event = client.event("7", subject="ü", number=5, flag=True)
    kept = Kept(client.store.event_number(), "default/default", 9, event)
    owed = Owed(client.store.delivery_number(), kept.seq, "default/t")
    await client.write(Change([kept], [owed]))
    assert await client.reopen() == [owed]
    assert await client.store.load(kept.seq) == kept
    assert await client.store.load(99) is None


@pytest.mark.parametrize("before", [0, 1, MAX_GROUP * 2 + 7])
async def test_a_read_waits_for_what_is_being_written(client: Client, before: int) -> None:
    """An event whose write was asked for is found, however many groups are before it."""
    writes = [client.change(name=str(number)) for number in range(before + 1)]
    tasks = [asyncio.ensure_future(client.write(change)) for change in writes]
    await asyncio.sleep(0)  # they have asked
    [kept] = writes[-1].events
    assert await client.store.load(kept.seq) == kept
    await asyncio.gather(*tasks)


async def test_a_read_of_what_could_not_be_written_ends(client: Client) -> None:
    """A write that fails leaves its readers with nothing, not waiting."""
    change = client.change(200_000)
    connection = client.store._connection
    [[pages]] = connection.execute("PRAGMA page_count").fetchall()
    connection.execute(f"PRAGMA max_page_count = {pages + 1}").fetchall()
    written = asyncio.ensure_future(client.write(change))
    await asyncio.sleep(0)
    async with asyncio.timeout(10):
        assert await client.store.load(change.events[0].seq) is None
    with pytest.raises(StoreFull):
        await written


async def test_a_group_shares_one_commit(client: Client) -> None:
    """Many writers at once need few commits, and all are stored."""
    changes = [client.change() for _ in range(500)]
    before = client.store._commits
    await asyncio.gather(*(client.write(change) for change in changes))
    assert client.store._commits - before < 100
    assert len(await client.reopen()) == 500


async def test_state_survives(client: Client) -> None:
    """Attempt, due time and failure of a delivery are read back."""
    change = client.change()
    await client.write(change)
    failure = Failure("http://s/", 503, "d2h5", "no", "/test", "1")
    state = Owed(change.deliveries[0].id, change.events[0].seq, "default/t", 4, 12.5, failure)
    client.store.update(state)
    assert await client.reopen() == [state]


async def test_finished_deliveries_and_their_events_go(client: Client) -> None:
    """Nothing is kept of what is delivered."""
    change = client.change()
    await client.write(change)
    client.finish(change)
    assert await client.reopen() == []
    assert await client.store.load(change.events[0].seq) is None


async def test_an_event_nobody_waits_for_goes_at_the_start(client: Client) -> None:
    """A crash between a delivery's end and its event's leaves no garbage."""
    change = client.change()
    await client.write(change)
    client.store.finish(change.deliveries[0].id)
    assert await client.reopen() == []
    assert await client.store.load(change.events[0].seq) is None


async def test_numbers_never_clash_with_stored_ones(client: Client) -> None:
    """After a restart, numbers go on behind the stored ones."""
    change = client.change()
    await client.write(change)
    await client.reopen()
    await client.write(client.change())
    assert len(await client.reopen()) == 2


async def test_a_full_disk_is_told_and_passes(client: Client) -> None:
    """Without room a write fails as StoreFull and stores nothing; finished events make room."""
    limit_pages(client, extra=30)
    changes = [client.change(5000) for _ in range(100)]
    results = [await attempt(client.write(change)) for change in changes]
    assert {type(result) for result in results} == {StoreFull, type(None)}
    assert "free some disk space" in str(results[-1])
    for change, result in zip(changes, results, strict=True):
        if result is None:
            client.finish(change)
    await client.write(client.change(5000))
    assert len(await client.reopen()) == 1


async def test_what_fits_is_stored_beside_what_does_not(client: Client) -> None:
    """In a group that is too large as a whole, each change succeeds or fails alone."""
    limit_pages(client, extra=20)
    changes = [client.change(200_000), client.change(10), client.change(10)]
    results = await asyncio.gather(
        *(client.write(change) for change in changes), return_exceptions=True
    )
    assert [type(result) for result in results] == [StoreFull, type(None), type(None)]
    assert len(await client.reopen()) == 2


async def test_one_impossible_change_harms_no_other(client: Client) -> None:
    """A change SQLite refuses fails alone, and the store goes on."""
    good, bad = client.change(), client.change()
    bad.deliveries.append(bad.deliveries[0])
    results = await asyncio.gather(client.write(bad), client.write(good), return_exceptions=True)
    assert isinstance(results[0], StoreError)
    assert results[1] is None


async def test_a_value_sqlite_cannot_hold_harms_no_other(client: Client) -> None:
    """Not even an error that is not SQLite's stops the writing thread."""
    bad = client.change()
    bad.deliveries[0] = Owed(2**70, bad.events[0].seq, "default/t")
    with pytest.raises(StoreError):
        await client.write(bad)
    await client.write(client.change())


async def test_the_file_does_not_grow_with_what_went_through(client: Client) -> None:
    """Pages of finished events are used again, and returned after a burst."""
    for _ in range(30):
        changes = [client.change(4000) for _ in range(100)]
        await asyncio.gather(*(client.write(change) for change in changes))
        for change in changes:
            client.finish(change)
    await client.reopen()
    assert client.path.stat().st_size < 30 * 100 * 4000 / 4


async def test_the_file_shrinks_after_a_burst(client: Client) -> None:
    """Free pages beyond the reserve go back to the file system."""
    changes = [client.change(4000) for _ in range(3000)]
    await asyncio.gather(*(client.write(change) for change in changes))
    for change in changes:
        client.finish(change)
    await client.reopen()
    connection = client.store._connection
    [[before]] = connection.execute("PRAGMA freelist_count").fetchall()
    tables.shrink(connection)
    [[after]] = connection.execute("PRAGMA freelist_count").fetchall()
    assert before > after >= tables.FREE_PAGES


async def test_the_file_belongs_to_one_process(client: Client) -> None:
    """A second broker on the same file is refused with what to do."""
    await client.write(client.change())
    with pytest.raises(StoreError, match="in use by another process"):
        Store(client.path).open()


async def test_a_file_that_is_no_store(tmp_path: Path) -> None:
    """A broken file is refused by name and left as it is."""
    path = tmp_path / "broker.db"
    path.write_bytes(b"not a database" * 100)
    with pytest.raises(StoreError, match=r"broker\.db"):
        Store(path).open()
    assert path.read_bytes().startswith(b"not a database")


async def test_commits_are_synced() -> None:
    """The pragmas that make a commit durable are the ones in force."""
    connection = tables.connect(Path("file::memory:"))
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
    connection.close()


async def attempt(writing: Awaitable[None]) -> BaseException | None:
    """Return what a write raised."""
    [result] = await asyncio.gather(writing, return_exceptions=True)
    return result


def limit_pages(client: Client, extra: int) -> None:
    """Let the file grow by `extra` pages at most: a disk that fills up."""
    connection: sqlite3.Connection = client.store._connection
    [[pages]] = connection.execute("PRAGMA page_count").fetchall()
    connection.execute(f"PRAGMA max_page_count = {pages + extra}").fetchall()
