"""Readers and writers of records at a tenant's URL, from one thread on asyncio: as many as it can carry, or so many a second."""

from __future__ import annotations

import asyncio
import itertools
import json
import secrets
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

CLIENTS = 8
SECONDS_FOR_AN_ANSWER = 30
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass(frozen=True, slots=True)
class Carried:
    """What was answered: requests a second, how many, failures by status (0: the connection broke), and what the slowest hundredth took
    at least."""

    rate: float
    failures: Mapping[int, int]
    answered: int
    p99_seconds: float

    @property
    def failed(self) -> int:
        return sum(self.failures.values())


class RecordLoad:
    """``pace`` is in requests a second over all clients, None: as fast as they are answered. Every second request writes a record, the
    next one reads it back. ``half_close``: every second client opens a connection for each request."""

    def __init__(self, url: str, pace: float | None, *, half_close: bool = False) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port or 80
        self._interval = CLIENTS / pace if pace else 0.0
        self._keys = (f"{secrets.token_hex(4)}-{number}" for number in itertools.count())
        self._failures: Counter[int] = Counter()  # by status, 0 for a connection that broke
        self._half_close = half_close
        self._took: list[float] = []

    def run(self, seconds: float, also_while: Callable[[], bool] = lambda: False) -> Carried:
        began = time.monotonic()
        asyncio.run(self._all(lambda: time.monotonic() - began < seconds or also_while()))
        took = sorted(self._took)
        return Carried(len(took) / (time.monotonic() - began), self._failures, len(took), took[len(took) * 99 // 100] if took else 0.0)

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
                if await self._timed(kept, request, expected) and kept:
                    kept[1].close()
                    kept = await asyncio.open_connection(self._host, self._port)
                due += self._interval
                await asyncio.sleep(max(0.0, due - time.monotonic()))
        if kept:
            kept[1].close()

    async def _timed(self, kept: Streams | None, request: bytes, expected: int) -> bool:
        """Whether the connection ends with this answer (RFC 9112, 9.6: nobody may ask on it again), or broke."""
        began = time.monotonic()
        try:
            status, ends = await self._ask(*(kept or await asyncio.open_connection(self._host, self._port)), request, close=not kept)
        except (OSError, EOFError, TimeoutError):
            status, ends = 0, True
        self._took.append(time.monotonic() - began)
        if status != expected:
            self._failures[status] += 1
        return ends

    async def _ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes, *, close: bool) -> tuple[int, bool]:
        """(status, whether the server closes)."""
        writer.write(request)
        async with asyncio.timeout(SECONDS_FOR_AN_ANSWER):
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            await reader.readexactly(int(head.split(b"content-length:")[1].split(b"\r\n")[0]))
        if close:
            writer.close()
        return int(head[9:12]), b"\r\nconnection: close\r\n" in head
