"""What every datastore can do, and what their adapters share."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol

from ..errors import StoreUnavailable

TABLE = "looma_records"


class Store(Protocol):
    """One datastore. Every method raises StoreUnavailable when it cannot do its part, and nothing else."""

    name: str

    async def migrate(self) -> None:
        """Create what the records need. May run many times, and in many processes at once."""

    async def check(self) -> None:
        """Ask the server for a sign of life, through the pool."""

    async def read(self, key: str) -> str | None:
        """The committed value, None if there is none."""

    async def count(self) -> int:
        """The exact number of records."""

    def writing(self, key: str, value: str) -> AbstractAsyncContextManager[None]:
        """Inside, the store has taken the value; a store with transactions keeps it at the clean end, not before,
        forgets it after an exception, and keeps other writers of the key waiting in between."""

    def holding(self, key: str) -> AbstractAsyncContextManager[str | None]:
        """The value; a store with transactions waits for writers of the key first and keeps them out inside."""

    async def close(self) -> None:
        """Give every connection back to the server."""


class DirectStore(ABC):
    """A store without transactions: what is put is kept at once, and nothing is held."""

    @abstractmethod
    async def put(self, key: str, value: str) -> None:
        """Keep the value, in place of an older one."""

    @abstractmethod
    async def read(self, key: str) -> str | None:
        """The value, None if there is none."""

    @asynccontextmanager
    async def writing(self, key: str, value: str) -> AsyncIterator[None]:
        await self.put(key, value)
        yield

    @asynccontextmanager
    async def holding(self, key: str) -> AsyncIterator[str | None]:
        yield await self.read(key)


@asynccontextmanager
async def translated(store: str, *failures: type[BaseException]) -> AsyncIterator[None]:
    """A broken connection, a time-out and the driver's own `failures` become StoreUnavailable."""
    try:
        yield
    except TimeoutError as error:
        raise StoreUnavailable(store, "no answer in time") from error
    except (OSError, EOFError, *failures) as error:
        raise StoreUnavailable(store, in_one_line(error)) from error


@asynccontextmanager
async def bounded(store: str, seconds: float, *failures: type[BaseException]) -> AsyncIterator[None]:
    """Translated, and no longer than `seconds`: for drivers that have no time-out of their own."""
    async with translated(store, *failures), asyncio.timeout(seconds):
        yield


def in_one_line(error: BaseException) -> str:
    """At most 300 characters."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}"[:300] if text else type(error).__name__
