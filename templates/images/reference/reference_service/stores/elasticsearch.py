"""Elasticsearch 7 and 8, through its documented HTTP interface.

Written from the documentation and not yet run against an Elasticsearch server: none was at hand.
A document's id is the SHA-256 of the key, because ids end at 512 bytes and keys at 800.
"""

from hashlib import sha256

from ..settings import Address, Pool
from .json_api import JsonApi
from .protocol import TABLE, DirectStore

STORED_ONLY = {"type": "keyword", "index": False, "doc_values": False}
INDEX = {
    "settings": {"number_of_shards": 1, "auto_expand_replicas": "0-1"},
    "mappings": {"dynamic": "strict", "properties": {"key": {"type": "keyword"}, "value": STORED_ONLY}},
}


async def connect(address: Address, pool: Pool) -> "ElasticsearchStore":
    return ElasticsearchStore(JsonApi.connect(address, pool))


class ElasticsearchStore(DirectStore):
    name = "elasticsearch"

    def __init__(self, api: JsonApi) -> None:
        self._api = api

    async def migrate(self) -> None:
        """400 is the answer to all but the first of several services that create the index at once; whether it is
        there then is what the last call asks."""
        await self._api.call("PUT", f"/{TABLE}", INDEX, allowed=frozenset({400}))
        await self._api.call("GET", f"/{TABLE}")

    async def check(self) -> None:
        await self._api.call("GET", "/")

    async def put(self, key: str, value: str) -> None:
        await self._api.call("PUT", document_path(key), {"key": key, "value": value})

    async def read(self, key: str) -> str | None:
        """Not a search: a document is read as it was last written, without waiting for a refresh."""
        document = await self._api.call("GET", document_path(key), allowed=frozenset({404}))
        return document and document["_source"]["value"]

    async def count(self) -> int:
        """Counting is a search, which sees what was written before the last refresh."""
        await self._api.call("POST", f"/{TABLE}/_refresh")
        return (await self._api.call("GET", f"/{TABLE}/_count"))["count"]

    async def close(self) -> None:
        await self._api.close()


def document_path(key: str) -> str:
    return f"/{TABLE}/_doc/{sha256(key.encode()).hexdigest()}"
