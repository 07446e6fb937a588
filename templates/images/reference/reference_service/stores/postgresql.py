"""PostgreSQL, through asyncpg and its pool."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import asyncpg

from ..settings import Address, Pool
from .protocol import TABLE, translated

# CREATE TABLE IF NOT EXISTS alone fails when several sessions run it at once (a duplicate in pg_type).
MIGRATION_LOCK = f"SELECT pg_advisory_xact_lock(hashtext('{TABLE}.migrate'))"
CREATE = f'CREATE TABLE IF NOT EXISTS {TABLE} (record_key text COLLATE "C" PRIMARY KEY, record_value text NOT NULL)'
EXISTS = f"SELECT to_regclass('{TABLE}') IS NOT NULL"
UPSERT = f"""
INSERT INTO {TABLE} (record_key, record_value) VALUES ($1, $2)
ON CONFLICT (record_key) DO UPDATE SET record_value = EXCLUDED.record_value
"""
# A server that follows another has no writers, and grants no lock against them.
FOLLOWS = "SELECT pg_is_in_recovery()"
# Keeps writers out, waits for those inside, and lets readers pass; a row that is being inserted cannot be locked alone.
HOLD = f"LOCK TABLE {TABLE} IN SHARE MODE"
SELECT = f"SELECT record_value FROM {TABLE} WHERE record_key = $1"
COUNT = f"SELECT count(*) FROM {TABLE}"


async def connect(address: Address, pool: Pool) -> "PostgreSQLStore":
    return PostgreSQLStore(await create_pool(address, pool), pool.connection_timeout)


async def create_pool(address: Address, pool: Pool) -> asyncpg.Pool:
    return await asyncpg.create_pool(
        host=address.host,
        port=address.port,
        user=address.user,
        password=address.password,
        database=address.database,
        min_size=0,
        max_size=pool.connections,
        timeout=pool.connection_timeout,
        command_timeout=pool.connection_timeout,
        max_inactive_connection_lifetime=pool.idle_timeout,
    )


class PostgreSQLStore:
    name = "postgresql"

    def __init__(self, pool: asyncpg.Pool, timeout: float) -> None:
        self._pool = pool
        self._timeout = timeout

    async def migrate(self) -> None:
        """Nothing but a look where all is there: a server that follows another refuses every change."""
        if await self._ask(EXISTS):
            return
        async with self._transaction() as connection:
            await connection.execute(MIGRATION_LOCK)
            if not await connection.fetchval(EXISTS):
                await connection.execute(CREATE)

    async def check(self) -> None:
        await self._ask("SELECT 1")

    async def read(self, key: str) -> str | None:
        return await self._ask(SELECT, key)

    async def count(self) -> int:
        return await self._ask(COUNT)

    @asynccontextmanager
    async def writing(self, key: str, value: str) -> AsyncIterator[None]:
        async with self._transaction() as connection:
            await connection.execute(UPSERT, key, value)
            yield

    @asynccontextmanager
    async def holding(self, key: str) -> AsyncIterator[str | None]:
        async with self._transaction() as connection:
            if not await connection.fetchval(FOLLOWS):
                await connection.execute(HOLD)
            yield await connection.fetchval(SELECT, key)

    async def close(self) -> None:
        async with self._translated():
            try:
                await self._pool.close()
            except BaseException:
                self._pool.terminate()
                raise

    async def _ask(self, query: str, *values: str) -> Any:
        async with self._translated(), self._pool.acquire(timeout=self._timeout) as connection:
            return await connection.fetchval(query, *values)

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[asyncpg.Connection]:
        async with (
            self._translated(),
            self._pool.acquire(timeout=self._timeout) as connection,
            connection.transaction(),
        ):
            yield connection

    def _translated(self) -> AbstractAsyncContextManager[None]:
        return translated(self.name, asyncpg.PostgresError, asyncpg.InterfaceError)
