"""The few things about HTTP that an ASGI application without a framework needs. A framework would double the time and
the memory that each of a tenant's services takes to start."""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .errors import BadRequest, BodyTooLarge, MethodNotAllowed, ServiceError

Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Request:
    scope: Scope
    receive: Receive

    @property
    def method(self) -> str:
        return self.scope["method"]

    @property
    def path(self) -> bytes:
        """As it was sent: percent-encoded, without the query."""
        return self.scope["raw_path"]

    @property
    def query(self) -> bytes:
        return self.scope["query_string"]

    def header(self, name: bytes) -> str:
        return next((value.decode("latin-1") for key, value in self.scope["headers"] if key == name), "")

    async def body(self, limit: int) -> bytes:
        """All of it; raises BodyTooLarge past `limit` bytes, BadRequest if the client goes away in the middle."""
        chunks, size, more = [], 0, True
        while more:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                raise BadRequest("the request was not sent to its end")
            chunks.append(message.get("body", b""))
            size += len(chunks[-1])
            if size > limit:
                raise BodyTooLarge(f"the body is longer than {limit} bytes")
            more = message.get("more_body", False)
        return b"".join(chunks)


@dataclass(frozen=True, slots=True)
class Response:
    status: int
    body: bytes
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)

    async def send(self, send: Send) -> None:
        headers = {"content-type": self.content_type, "content-length": str(len(self.body))} | self.headers
        raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": self.status, "headers": raw})
        await send({"type": "http.response.body", "body": self.body})


def json_response(status: int, document: Any, **headers: str) -> Response:
    body = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
    return Response(status, body, headers={name.replace("_", "-"): value for name, value in headers.items()})


def error_response(error: ServiceError) -> Response:
    headers = {"allow": error.allowed} if isinstance(error, MethodNotAllowed) else {}
    if error.status == 503:
        headers["retry_after"] = "1"
    return json_response(error.status, error.body(), **headers)
