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
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass(frozen=True, slots=True)
class Carried:
    """What was answered: requests a second, how many, how many failed, and what the slowest hundredth took at least."""

    rate: float
    failed: int
    answered: int
    p99_seconds: float


class RecordLoad:
    """``pace`` is in requests a second over all clients, None: as fast as they are answered. Every second request writes a record, the
    next one reads it back. ``half_close``: every second client opens a connection for each request."""

    def __init__(self, url: str, pace: float | None, *, half_close: bool = False) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port or 80
        self._interval = CLIENTS / pace if pace else 0.0
        self._keys = (f"{secrets.token_hex(4)}-{number}" for number in itertools.count())
        self._failed = 0
        self._half_close = half_close
        self._took: list[float] = []

    def run(self, seconds: float, also_while: Callable[[], bool] = lambda: False) -> Carried:
        began = time.monotonic()
        asyncio.run(self._all(lambda: time.monotonic() - began < seconds or also_while()))
        took = sorted(self._took)
        return Carried(len(took) / (time.monotonic() - began), self._failed, len(took), took[len(took) * 99 // 100] if took else 0.0)

    async def _all(self, going_on: Callable[[], bool]) -> None:
        await asyncio.gather(*(self._client(number, going_on) for number in range(CLIENTS)))

    async def _client(self, number: int, going_on: Callable[[], bool]) -> None:
        kept = None if self._half_close and number % 2 else await asyncio.open_connection(self._host, self._port)
        due = time.monotonic() + self._interval * number / CLIENTS
        while going_on():
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            key = next(self._keys)
            body = json.dumps({"key": key, "value": key}).encode()
            close = b"" if kept else b"Connection: close\r\n"
            post = b"POST /records HTTP/1.1\r\nHost: load\r\n%sContent-Length: %d\r\n\r\n%s" % (close, len(body), body)
            get = b"GET /records/%s HTTP/1.1\r\nHost: load\r\n%s\r\n" % (key.encode(), close)
            for request, expected in ((post, 201), (get, 200)):
                if await self._timed(kept, request, expected) == 0 and kept:
                    kept = await asyncio.open_connection(self._host, self._port)
                due += self._interval
                await asyncio.sleep(max(0.0, due - time.monotonic()))
        if kept:
            kept[1].close()

    async def _timed(self, kept: Streams | None, request: bytes, expected: int) -> int:
        """The status; 0 for a connection that broke."""
        began = time.monotonic()
        try:
            status = await self._ask(*(kept or await asyncio.open_connection(self._host, self._port)), request, close=not kept)
        except (OSError, EOFError, TimeoutError):
            status = 0
        self._took.append(time.monotonic() - began)
        self._failed += status != expected
        return status

    async def _ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes, *, close: bool) -> int:
        writer.write(request)
        async with asyncio.timeout(SECONDS_FOR_AN_ANSWER):
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            await reader.readexactly(int(head.split(b"content-length:")[1].split(b"\r\n")[0]))
        if close:
            writer.close()
        return int(head[9:12])
