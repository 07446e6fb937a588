"""A store in memory that keeps the contract of a store with transactions, and can be told to fail."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from reference_service.errors import StoreUnavailable


class MemoryStore:
    """`failures` holds how often each method is still to fail; `journal` what was done, in order, shared by stores."""

    def __init__(self, name: str, journal: list[str] | None = None) -> None:
        self.name = name
        self.records: dict[str, str] = {}
        self.failures: dict[str, int] = {}
        self.journal = journal if journal is not None else []
        self.delay = 0.0
        self._locks: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def migrate(self) -> None:
        self._do("migrate")

    async def check(self) -> None:
        self._do("check")
        await asyncio.sleep(self.delay)

    async def read(self, key: str) -> str | None:
        self._do("read")
        return self.records.get(key)

    async def count(self) -> int:
        self._do("count")
        return len(self.records)

    @asynccontextmanager
    async def writing(self, key: str, value: str) -> AsyncIterator[None]:
        async with self._locks[key]:
            self._do("write")
            yield
            self._do("commit")
            self.records[key] = value

    @asynccontextmanager
    async def holding(self, key: str) -> AsyncIterator[str | None]:
        async with self._locks[key]:
            self._do("hold")
            yield self.records.get(key)

    async def close(self) -> None:
        self._do("close")
        await asyncio.sleep(self.delay)

    def _do(self, deed: str) -> None:
        self.journal.append(f"{self.name} {deed}")
        if self.failures.get(deed, 0) > 0:
            self.failures[deed] -= 1
            raise StoreUnavailable(self.name, f"{deed} refused")
