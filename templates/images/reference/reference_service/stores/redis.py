"""Redis, through redis-py and its blocking pool. All records are fields of one hash, so that their number is exact."""

from contextlib import AbstractAsyncContextManager

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from ..settings import Address, Pool
from .protocol import DirectStore, translated

HASH = "looma:records"


async def connect(address: Address, pool: Pool) -> "RedisStore":
    return RedisStore(create_client(address, pool))


def create_client(address: Address, pool: Pool) -> Redis:
    """Without retries of its own: records.py has the one budget."""
    connections = BlockingConnectionPool(
        host=address.host,
        port=address.port,
        db=int(address.database or 0),
        username=address.user,
        password=address.password,
        max_connections=pool.connections,
        timeout=pool.connection_timeout,
        socket_timeout=pool.connection_timeout,
        socket_connect_timeout=pool.connection_timeout,
        retry=Retry(NoBackoff(), 0),
        decode_responses=True,
    )
    return Redis.from_pool(connections)


class RedisStore(DirectStore):
    name = "redis"

    def __init__(self, client: Redis) -> None:
        self._client = client

    async def migrate(self) -> None:
        """Nothing to create: a hash begins with its first field."""
        await self.check()

    async def check(self) -> None:
        async with self._translated():
            await self._client.ping()

    async def put(self, key: str, value: str) -> None:
        async with self._translated():
            await self._client.hset(HASH, key, value)

    async def read(self, key: str) -> str | None:
        async with self._translated():
            return await self._client.hget(HASH, key)

    async def count(self) -> int:
        async with self._translated():
            return await self._client.hlen(HASH)

    async def close(self) -> None:
        async with self._translated():
            await self._client.aclose()

    def _translated(self) -> AbstractAsyncContextManager[None]:
        return translated(self.name, RedisError)
