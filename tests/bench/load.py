"""Readers and writers of records at a tenant's URL, from one thread on asyncio: as many as it can carry, or so many a second."""

from __future__ import annotations

import asyncio
import itertools
import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

CLIENTS = 8
SECONDS_FOR_AN_ANSWER = 30


@dataclass(frozen=True, slots=True)
class Carried:
    """What was answered: requests a second, and how many failed."""

    rate: float
    failed: int


class RecordLoad:
    """``pace`` is in requests a second over all clients, None: as fast as they are answered. Every second request writes a record, the
    next one reads it back."""

    def __init__(self, url: str, pace: float | None) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port or 80
        self._interval = CLIENTS / pace if pace else 0.0
        self._keys = (f"{secrets.token_hex(4)}-{number}" for number in itertools.count())
        self._answered = 0
        self._failed = 0

    def run(self, seconds: float, also_while: Callable[[], bool] = lambda: False) -> Carried:
        began = time.monotonic()
        asyncio.run(self._all(lambda: time.monotonic() - began < seconds or also_while()))
        return Carried(self._answered / (time.monotonic() - began), self._failed)

    async def _all(self, going_on: Callable[[], bool]) -> None:
        await asyncio.gather(*(self._client(number, going_on) for number in range(CLIENTS)))

    async def _client(self, number: int, going_on: Callable[[], bool]) -> None:
        reader, writer = await asyncio.open_connection(self._host, self._port)
        due = time.monotonic() + self._interval * number / CLIENTS
        while going_on():
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            key = next(self._keys)
            body = json.dumps({"key": key, "value": key}).encode()
            post = b"POST /records HTTP/1.1\r\nHost: load\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
            get = b"GET /records/%s HTTP/1.1\r\nHost: load\r\n\r\n" % key.encode()
            for request, expected in ((post, 201), (get, 200)):
                await self._ask(reader, writer, request, expected)
                due += self._interval
                await asyncio.sleep(max(0.0, due - time.monotonic()))
        writer.close()

    async def _ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes, expected: int) -> None:
        writer.write(request)
        async with asyncio.timeout(SECONDS_FOR_AN_ANSWER):
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            await reader.readexactly(int(head.split(b"content-length:")[1].split(b"\r\n")[0]))
        self._answered += 1
        self._failed += int(head[9:12]) != expected
