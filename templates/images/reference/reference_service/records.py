"""Records across all the datastores of a tenant.

A write goes through the stores in one fixed order: MySQL, PostgreSQL and Neo4j first, each in a transaction that stays
open, then Elasticsearch, Weaviate and Redis, which have none; then the transactions are committed, newest first. So

- when a store is down, the POST answers 503 and nothing has changed in those before it that have transactions;
- two writers of one key take turns, because the first store's row stays locked until the write is whole;
- a POST that broke between two commits, or after a store without transactions took it, leaves the stores different: the
  client was told 503, reads of that key answer 500, and sending it again repairs it. Writing is idempotent.

A read asks all stores at once. Only when they differ it looks again behind the lock of the first store, so that a
write in the middle of its way is never taken for a lost one.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from itertools import islice
from typing import TypeVar

from .errors import NoStores, NotFound, StoresDisagree, StoresUnavailable, StoreUnavailable
from .stores import Store
from .validation import Record

logger = logging.getLogger(__name__)
Result = TypeVar("Result")


class Records:
    """`retries` more attempts follow a failed one, as long as no more than `patience` seconds have passed. A health check
    waits `check_seconds` for a store, the end of the service `close_seconds`."""

    def __init__(
        self,
        stores: Sequence[Store],
        *,
        retries: int,
        patience: float,
        check_seconds: float = 2,
        close_seconds: float = 1.5,
    ) -> None:
        self._stores = list(stores)
        self._retries = retries
        self._patience = patience
        self._check_seconds = check_seconds
        self._close_seconds = close_seconds
        self._pending = {store.name: "not migrated yet" for store in stores}

    @property
    def names(self) -> list[str]:
        return [store.name for store in self._stores]

    async def write(self, record: Record) -> list[str]:
        """Names of the stores that have the record now: all. Raises NoStores, StoresUnavailable."""
        if not self._stores:
            raise NoStores
        await self._persist(lambda: self._write_once(record))
        return self.names

    async def read(self, key: str) -> dict[str, str]:
        """The value in each store. Raises NotFound, StoresDisagree, StoresUnavailable."""
        values = await self._persist(lambda: self._read_all(self._stores, key))
        if len(set(values.values())) > 1:
            values = await self._persist(lambda: self._read_settled(key))
        return agreed(key, values)

    async def count(self) -> dict[str, int]:
        """How many records each store has. Raises StoresUnavailable."""
        return await self._persist(self._count_all)

    async def check(self) -> dict[str, str | None]:
        """What is wrong with each store, None if it answers. Never raises, never takes longer than `check_seconds`."""
        return dict(zip(self.names, await asyncio.gather(*map(self._check_one, self._stores)), strict=True))

    async def prepare(self) -> None:
        """Bring every store's tables up to date; waits for those that are not there yet."""
        await asyncio.gather(*map(self._prepare_one, self._stores))

    @property
    def pending(self) -> dict[str, str]:
        """The stores whose tables are not up to date yet, and why."""
        return dict(self._pending)

    async def close(self) -> None:
        await asyncio.gather(*map(self._close_one, self._stores))

    async def _write_once(self, record: Record) -> None:
        self._require_prepared()
        async with AsyncExitStack() as written:
            for store in self._stores:
                await written.enter_async_context(store.writing(record.key, record.value))

    async def _read_all(self, stores: list[Store], key: str) -> dict[str, str | None]:
        self._require_prepared()
        return await together(stores, lambda store: store.read(key))

    async def _read_settled(self, key: str) -> dict[str, str | None]:
        first, *others = self._stores
        async with first.holding(key) as value:
            return {first.name: value} | await self._read_all(others, key)

    async def _count_all(self) -> dict[str, int]:
        self._require_prepared()
        return await together(self._stores, lambda store: store.count())

    def _require_prepared(self) -> None:
        if self._pending:
            raise StoresUnavailable(self.pending)

    async def _persist(self, attempt: Callable[[], Awaitable[Result]]) -> Result:
        """Try again while a store is away: one that restarts, a deadlock, a server out of connections."""
        give_up = asyncio.get_running_loop().time() + self._patience
        for pause in islice(pauses(), self._retries):
            try:
                return await attempt()
            except StoresUnavailable:
                if asyncio.get_running_loop().time() + pause > give_up:
                    raise
                await asyncio.sleep(pause)
        return await attempt()

    async def _check_one(self, store: Store) -> str | None:
        if store.name in self._pending:
            return self._pending[store.name]
        try:
            async with asyncio.timeout(self._check_seconds):
                await store.check()
        except StoreUnavailable as failure:
            return failure.reason
        except TimeoutError:
            return f"no answer in {self._check_seconds:g} s"
        return None

    async def _prepare_one(self, store: Store) -> None:
        for pause in pauses():
            try:
                await store.migrate()
                break
            except StoreUnavailable as failure:
                self._still_pending(store.name, failure.reason)
                await asyncio.sleep(pause)
        del self._pending[store.name]
        logger.info("%s: ready", store.name)

    async def _close_one(self, store: Store) -> None:
        """A store that cannot take leave must not keep the process from ending."""
        try:
            async with asyncio.timeout(self._close_seconds):
                await store.close()
        except (StoreUnavailable, TimeoutError) as failure:
            logger.warning("%s: not closed in order: %s", store.name, failure)

    def _still_pending(self, store: str, reason: str) -> None:
        if self._pending[store] != reason:
            logger.warning("%s: waiting for it: %s", store, reason)
        self._pending[store] = reason


def pauses() -> Iterator[float]:
    """Seconds between attempts: 0.05, 0.1, 0.2 … and 1 from then on."""
    pause = 0.05
    while True:
        yield min(pause, 1.0)
        pause *= 2


async def together(stores: list[Store], ask: Callable[[Store], Awaitable[Result]]) -> dict[str, Result]:
    """Each store's answer, asked at the same time; raises StoresUnavailable naming every store that failed."""
    answers = await asyncio.gather(*map(ask, stores), return_exceptions=True)
    reasons: dict[str, str] = {}
    for answer in answers:
        if isinstance(answer, StoresUnavailable):
            reasons |= answer.reasons
        elif isinstance(answer, BaseException):
            raise answer
    if reasons:
        raise StoresUnavailable(reasons)
    return {store.name: answer for store, answer in zip(stores, answers, strict=True)}


def agreed(key: str, values: dict[str, str | None]) -> dict[str, str]:
    """The values, if all stores have the same one."""
    present = {store: value for store, value in values.items() if value is not None}
    if not present:
        raise NotFound(f"no record with the key {key!r}")
    if len(present) < len(values) or len(set(present.values())) > 1:
        raise StoresDisagree(key, values)
    return present
