"""Weaviate 1.x, through its documented HTTP interface.

Written from the documentation and not yet run against a Weaviate server: none was at hand.
An object's id is a UUID made from the key; nothing is vectorised.
"""

from uuid import UUID, uuid5

from ..errors import StoreUnavailable
from ..settings import Address, Pool
from .json_api import JsonApi
from .protocol import DirectStore

CLASS = "LoomaRecord"
NAMESPACE = UUID("5d1e9a52-7b0c-4c55-9a7e-3f1c0b6d2a10")
STORED_ONLY = {"dataType": ["text"], "indexFilterable": False, "indexSearchable": False}
SCHEMA = {
    "class": CLASS,
    "vectorizer": "none",
    "vectorIndexConfig": {"skip": True},
    "properties": [{"name": "recordKey", **STORED_ONLY}, {"name": "recordValue", **STORED_ONLY}],
}
COUNT = f"{{ Aggregate {{ {CLASS} {{ meta {{ count }} }} }} }}"


async def connect(address: Address, pool: Pool) -> "WeaviateStore":
    return WeaviateStore(JsonApi.connect(address, pool))


class WeaviateStore(DirectStore):
    name = "weaviate"

    def __init__(self, api: JsonApi) -> None:
        self._api = api

    async def migrate(self) -> None:
        """422 is the answer to all but the first of several services that create the class at once; whether it is
        there then is what the last call asks."""
        await self._api.call("POST", "/v1/schema", SCHEMA, allowed=frozenset({422}))
        await self._api.call("GET", f"/v1/schema/{CLASS}")

    async def check(self) -> None:
        await self._api.call("GET", "/v1/.well-known/ready")

    async def put(self, key: str, value: str) -> None:
        """As a batch of one: a batch puts an object in place of one with the same id, a single POST refuses to."""
        properties = {"recordKey": key, "recordValue": value}
        batch = {"objects": [{"class": CLASS, "id": object_id(key), "properties": properties}]}
        result = (await self._api.call("POST", "/v1/batch/objects", batch))[0]["result"]
        if result.get("errors"):
            raise StoreUnavailable(self.name, f"not stored: {result['errors']}")

    async def read(self, key: str) -> str | None:
        found = await self._api.call("GET", f"/v1/objects/{CLASS}/{object_id(key)}", allowed=frozenset({404}))
        return found and found["properties"]["recordValue"]

    async def count(self) -> int:
        answer = await self._api.call("POST", "/v1/graphql", {"query": COUNT})
        if answer.get("errors"):
            raise StoreUnavailable(self.name, f"not counted: {answer['errors']}")
        return answer["data"]["Aggregate"][CLASS][0]["meta"]["count"]

    async def close(self) -> None:
        await self._api.close()


def object_id(key: str) -> str:
    return str(uuid5(NAMESPACE, key))
