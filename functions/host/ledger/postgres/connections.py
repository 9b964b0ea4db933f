"""Connections to PostgreSQL: a pool that opens when it is first needed and outlives the server.

Every failure is a LedgerUnavailable with its reason. A commit whose answer was lost on the way
may have happened all the same: whoever delivers again finds the row as it stands.
"""

from __future__ import annotations

import asyncio
import logging
import select
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, LiteralString, TypeVar

import orjson
import psycopg
from psycopg import AsyncConnection, AsyncCursor
from psycopg.adapt import Loader
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.types.string import StrDumperUnknown
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from functions.host.ledger.postgres import schema
from functions.host.ledger.unavailable import LedgerUnavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from psycopg import AsyncPipeline
    from psycopg.abc import Buffer

T = TypeVar("T")
Row = tuple[Any, ...]
_DEFAULTS: Final[dict[str, Any]] = {
    "application_name": "tendril",
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
"""libpq's parameters unless the URL sets them: a server that vanished is noticed within 30 s."""
_LIMITS: Final[LiteralString] = (
    "SELECT set_config('statement_timeout', '10s', false), "
    "set_config('lock_timeout', '8s', false), "
    "set_config('idle_in_transaction_session_timeout', '10s', false)"
)
"""The last one frees what a frozen host holds locked."""
_PATIENCE: Final = 20.0
"""Seconds for one call: a frozen server minds none of the limits above."""
_WAIT: Final = 5.0
"""Seconds to wait for a connection: a server that restarts is back by then."""
_TRIES: Final = 3
_AGAIN: Final = (psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure)
"""PostgreSQL undid the transaction and asks for another try."""


class _Json(Loader):
    def load(self, data: Buffer) -> Any:
        return orjson.loads(data)


class _Text(StrDumperUnknown):
    def dump(self, obj: str) -> Buffer | None:
        # PostgreSQL's texts have no NUL; only an error's message or a title could bring one
        return super().dump(obj.replace("\0", "\ufffd"))


class _Cursor(AsyncCursor[Row]):
    """Ends a part of the pipeline where a result is read.

    Without that the server takes the transaction for busy, however long it hears nothing, and
    its limit on idle ones frees nothing that a frozen host holds locked.
    """

    async def fetchone(self) -> Row | None:
        await self._part()
        return await super().fetchone()

    async def fetchall(self) -> list[Row]:
        await self._part()
        return await super().fetchall()

    async def _part(self) -> None:
        connection = self.connection
        assert isinstance(connection, Database)
        if connection.pipe:
            await connection.pipe.sync()


class Database(AsyncConnection[Row]):
    """A connection, and the pipeline that a transaction on it is in."""

    pipe: AsyncPipeline | None = None

    async def cancel_safe(self, *, timeout: float = 30.0) -> None:  # noqa: ASYNC109 - psycopg's
        """Ask a server that is out of our patience to stop, and do not wait for it long."""
        await super().cancel_safe(timeout=min(timeout, 1.0))


class Connections:
    """What the ledger reads and writes through; at most `most` connections."""

    def __init__(self, url: str, most: int) -> None:
        self._conninfo, self._where = _parsed(url)
        self._most = most
        self._opening = asyncio.Lock()
        self._pool: AsyncConnectionPool[Database] | None = None

    async def read(self, work: Callable[[Database], Awaitable[T]]) -> T:
        """Run one statement's work outside any transaction."""
        async with self._reasoned("read"), asyncio.timeout(_PATIENCE), self._connection() as db:
            return await work(db)

    async def write(self, work: Callable[[Database], Awaitable[T]], *, promise: bool = True) -> T:
        """Run `work` in a transaction and return its result after the commit.

        With `promise` the commit is on the server's disk first. Without, it outlives every host
        but not the server's crash: right for what may as well not have happened. Statements are
        pipelined: `work` waits for the server only where it reads.
        """
        async with self._reasoned("written"), asyncio.timeout(_PATIENCE):
            for _ in range(_TRIES - 1):
                try:
                    return await self._transact(work, promise=promise)
                except _AGAIN:
                    continue
            return await self._transact(work, promise=promise)

    async def close(self) -> None:
        """Let go of every connection."""
        if self._pool:
            await self._pool.close()

    async def _transact(self, work: Callable[[Database], Awaitable[T]], *, promise: bool) -> T:
        async with self._connection() as db, db.pipeline() as db.pipe, db.transaction():
            if not promise:
                await db.execute("SET LOCAL synchronous_commit = off")
            return await work(db)

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Database]:
        pool = self._pool or await self._opened()
        db = await _live(pool)
        try:
            yield db
        finally:
            db.pipe = None
            await pool.putconn(db)

    async def _opened(self) -> AsyncConnectionPool[Database]:
        async with self._opening:
            if self._pool is None:
                self._pool = await self._open()
            return self._pool

    async def _open(self) -> AsyncConnectionPool[Database]:
        # at INFO it would log every call
        logging.getLogger("psycopg.pool").setLevel(logging.WARNING)
        await self._migrated()
        pool = AsyncConnectionPool[Database](
            self._conninfo,
            connection_class=Database,
            kwargs={"autocommit": True, "cursor_factory": _Cursor},
            min_size=1,
            max_size=self._most,
            timeout=_WAIT,
            max_idle=60,
            # then it gives up, and the next call that needs a connection makes it try again
            reconnect_timeout=_WAIT,
            configure=_configure,
            open=False,
        )
        await pool.open()
        return pool

    async def _migrated(self) -> None:
        try:
            db = await AsyncConnection.connect(self._conninfo, autocommit=True)
        except psycopg.OperationalError as error:
            raise self._unreachable(error) from error
        async with db:
            stands = await schema.stands(db)
        if not stands:
            await asyncio.to_thread(schema.migrate, self._conninfo)

    @asynccontextmanager
    async def _reasoned(self, done: str) -> AsyncIterator[None]:
        try:
            yield
        except PoolTimeout as error:
            raise await self._without() from error
        except TimeoutError as error:
            raise LedgerUnavailable(
                f"the ledger {self._where} did not answer in {_PATIENCE:g} s; look whether "
                "PostgreSQL is frozen or overloaded"
            ) from error
        except psycopg.Error as error:
            raise LedgerUnavailable(
                f"the ledger {self._where} cannot be {done}: {_line(error)}"
            ) from error

    async def _without(self) -> LedgerUnavailable:
        """Say why there was no connection: the pool knows, and keeps it to its log."""
        try:
            probe = await AsyncConnection.connect(self._conninfo)
        except psycopg.Error as error:
            return self._unreachable(error)
        await probe.close()
        return LedgerUnavailable(
            f"all {self._most} connections to the ledger {self._where} are busy; "
            "raise TENDRIL_LEDGER_CONNECTIONS, or look what PostgreSQL waits for"
        )

    def _unreachable(self, error: psycopg.Error) -> LedgerUnavailable:
        return LedgerUnavailable(
            f"the ledger {self._where} cannot be reached: {_line(error)}; start PostgreSQL "
            "there or correct TENDRIL_LEDGER, hosts connect again by themselves"
        )


async def _configure(db: Database) -> None:
    db.adapters.register_loader("json", _Json)
    db.adapters.register_dumper(str, _Text)
    await db.execute(_LIMITS)


async def _live(pool: AsyncConnectionPool[Database]) -> Database:
    """Return a connection whose server did not go away while it was idle."""
    while True:
        db = await pool.getconn()
        if not _hung_up(db):
            return db
        await db.close()
        await pool.putconn(db)  # closed: the pool makes another


def _hung_up(db: Database) -> bool:
    """Return whether an idle connection has something to read: only its end would be sent.

    A look at the socket costs microseconds, a question to the server a round trip per call.
    """
    poller = select.poll()
    poller.register(db.fileno(), select.POLLIN)
    return bool(poller.poll(0))


def _parsed(url: str) -> tuple[str, str]:
    """Return libpq's connection string and what may be shown of it; ValueError: not a URL."""
    try:
        given = conninfo_to_dict(url)
    except psycopg.ProgrammingError as error:
        raise ValueError(
            f"TENDRIL_LEDGER is no PostgreSQL URL: {_line(error)}; "
            "expected postgresql://user:password@host:5432/database"
        ) from error
    host, port = given.get("host", "(local socket)"), given.get("port", "5432")
    return make_conninfo(**(_DEFAULTS | given)), f"{host}:{port}/{given.get('dbname', '')}"


def _line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
