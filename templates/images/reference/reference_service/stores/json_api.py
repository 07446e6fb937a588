"""JSON over HTTP for the datastores that speak it, through httpx and its pool."""

from contextlib import AbstractAsyncContextManager
from typing import Any

import httpx

from ..errors import StoreUnavailable
from ..settings import Address, Pool
from .protocol import translated


class JsonApi:
    """One server's documented HTTP interface; every failure is a StoreUnavailable with the name of the store."""

    def __init__(self, store: str, client: httpx.AsyncClient) -> None:
        self._store = store
        self._client = client

    @classmethod
    def connect(cls, address: Address, pool: Pool) -> "JsonApi":
        limits = httpx.Limits(
            max_connections=pool.connections,
            max_keepalive_connections=pool.connections,
            keepalive_expiry=pool.idle_timeout,
        )
        client = httpx.AsyncClient(
            base_url=address.origin,
            auth=(address.user, address.password) if address.user and address.password else None,
            limits=limits,
            timeout=pool.connection_timeout,
            trust_env=False,
            # Loading the certificate authorities costs time that plain HTTP does not need.
            verify=address.scheme == "https",
        )
        return cls(address.store, client)

    async def call(self, method: str, path: str, document: Any = None, *, allowed: frozenset[int] = frozenset()) -> Any:
        """The JSON of a 2xx answer; None for a status in `allowed`."""
        async with self._translated():
            answer = await self._client.request(method, path, json=document)
            if answer.status_code in allowed:
                return None
            if not answer.is_success:
                raise StoreUnavailable(self._store, f"{method} {path}: {answer.status_code} {answer.text[:200]}")
            return answer.json() if answer.content else None

    async def close(self) -> None:
        async with self._translated():
            await self._client.aclose()

    def _translated(self) -> AbstractAsyncContextManager[None]:
        # ValueError: an answer that is not JSON
        return translated(self._store, httpx.HTTPError, ValueError)
