"""MySQL 8 and MariaDB 10.11, through aiomysql and its pool.

The key is VARBINARY: text columns compare without regard to trailing spaces, and mostly to case and accents, and the
collations that do not are called differently in MySQL and in MariaDB.
"""

import ssl
from asyncio import Future, get_running_loop
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import aiomysql

from ..errors import StoreUnavailable
from ..settings import Address, Pool
from .protocol import TABLE, bounded

MIGRATION_LOCK = "looma_records.migrate"
EXISTS = "SELECT 1 FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = %s"
CREATE = f"""
CREATE TABLE IF NOT EXISTS {TABLE} (
    record_key VARBINARY(800) NOT NULL PRIMARY KEY,
    record_value MEDIUMTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4
"""
# The value is sent twice because VALUES() is deprecated in MySQL 8 and its successor is unknown to MariaDB.
UPSERT = f"INSERT INTO {TABLE} (record_key, record_value) VALUES (%s, %s) ON DUPLICATE KEY UPDATE record_value = %s"
SELECT = f"SELECT record_value FROM {TABLE} WHERE record_key = %s"
COUNT = f"SELECT COUNT(*) FROM {TABLE}"
# A server that follows another has no writers, and MariaDB grants no lock against them.
FOLLOWS = "SELECT @@global.read_only"
READ_ONLY = (1290, 1836)  # ER_OPTION_PREVENTS_STATEMENT, ER_READ_ONLY_MODE


async def connect(address: Address, pool: Pool) -> "MySQLStore":
    return MySQLStore(address, pool)


class MySQLStore:
    name = "mysql"

    def __init__(self, address: Address, pool: Pool) -> None:
        self._timeout = pool.connection_timeout
        self._pool = WakingPool(
            minsize=0,
            maxsize=pool.connections,
            echo=False,
            pool_recycle=pool.idle_timeout,
            loop=get_running_loop(),
            **connection_arguments(address, pool),
        )

    async def migrate(self) -> None:
        """Nothing but a look where all is there: a server that follows another refuses every change."""
        async with self._connection() as connection, self._bounded():
            if await ask(connection, EXISTS, TABLE):
                return
            await ask(connection, "SELECT GET_LOCK(%s, %s)", MIGRATION_LOCK, int(self._timeout) or 1)
            if await ask(connection, EXISTS, TABLE) is None:
                await ask(connection, CREATE)
            await ask(connection, "SELECT RELEASE_LOCK(%s)", MIGRATION_LOCK)

    async def check(self) -> None:
        await self._ask("SELECT 1")

    async def read(self, key: str) -> str | None:
        row = await self._ask(SELECT, key.encode())
        return row and row[0]

    async def count(self) -> int:
        return (await self._ask(COUNT))[0]

    @asynccontextmanager
    async def writing(self, key: str, value: str) -> AsyncIterator[None]:
        async with self._transaction() as connection:
            async with self._bounded():
                await ask(connection, UPSERT, key.encode(), value, value)
            yield

    @asynccontextmanager
    async def holding(self, key: str) -> AsyncIterator[str | None]:
        async with self._transaction() as connection:
            async with self._bounded():
                (follows,) = await ask(connection, FOLLOWS)
                row = await ask(connection, SELECT if follows else f"{SELECT} FOR UPDATE", key.encode())
            yield row and row[0]

    async def close(self) -> None:
        """Idle connections take leave, which the server otherwise logs as aborted; busy ones are cut."""
        try:
            async with self._bounded():
                await self._pool.clear()
        finally:
            self._pool.terminate()

    async def _ask(self, query: str, *values: Any) -> tuple | None:
        async with self._connection() as connection, self._bounded():
            return await ask(connection, query, *values)

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[aiomysql.Connection]:
        async with self._connection() as connection:
            async with self._bounded():
                await connection.begin()
            yield connection
            async with self._bounded():
                await connection.commit()

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[aiomysql.Connection]:
        """A connection of the pool. One that was interrupted is closed, which ends its transaction too; one that a read-only server
        refused a change is as good as before, and goes on when the server does."""
        async with self._bounded():
            connection = await self._pool.acquire()
        try:
            yield connection
        except BaseException as failure:
            if not (refused_as_read_only(failure) and await self._rolled_back(connection)):
                connection.close()
            raise
        finally:
            self._pool.release(connection)

    async def _rolled_back(self, connection: aiomysql.Connection) -> bool:
        try:
            async with self._bounded():
                await connection.rollback()
        except StoreUnavailable:
            return False
        return True

    def _bounded(self) -> AbstractAsyncContextManager[None]:
        # RuntimeError is what aiomysql raises for a closed pool and for an unknown way to log in
        return bounded(self.name, self._timeout, aiomysql.MySQLError, RuntimeError)


class WakingPool(aiomysql.Pool):
    """aiomysql 0.3.2 wakes nobody when a closed connection comes back, though its place is free then."""

    def release(self, connection: aiomysql.Connection) -> Future[None]:
        released = super().release(connection)
        return self._loop.create_task(self._wakeup()) if connection.closed else released


def refused_as_read_only(failure: BaseException) -> bool:
    cause = failure.__cause__
    return isinstance(cause, aiomysql.MySQLError) and cause.args[0] in READ_ONLY


async def ask(connection: aiomysql.Connection, query: str, *values: Any) -> tuple | None:
    """The first row of the answer."""
    async with connection.cursor() as cursor:
        await cursor.execute(query, values)
        return await cursor.fetchone()


def connection_arguments(address: Address, pool: Pool) -> dict[str, Any]:
    return {
        "host": address.host,
        "port": address.port,
        "user": address.user,
        "password": address.password or "",
        "db": address.database,
        "charset": "utf8mb4",
        "autocommit": True,
        "connect_timeout": pool.connection_timeout,
        "ssl": opportunistic_tls(),
        "init_command": "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
    }


def opportunistic_tls() -> ssl.SSLContext:
    """TLS where the server offers it, like MySQL's own clients: MySQL 8 takes a password only this way or encrypted
    with RSA, which would need one more library. The network is the tenant's own, so the certificate, which MySQL made
    for itself, is not checked."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
