"""Small services and a strict client for load on an edge; both run in threads of their own, on asyncio."""

from __future__ import annotations

import asyncio
import collections
import threading
import time
from types import TracebackType

from looma_cli.model.route import Upstream

LOOPBACK = "127.0.0.1"


class _Loop:
    """An event loop in a thread."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def call(self, coroutine: object, seconds: float = 30) -> object:
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(seconds)  # type: ignore[arg-type]

    def end(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)


class Service:
    """Answers every request with its name, and keeps connections alive; ``kill`` cuts all of them at once."""

    def __init__(self, name: str, status: int = 200) -> None:
        self.name = name
        body = name.encode()
        self._answer = b"HTTP/1.1 %d X\r\nContent-Length: %d\r\nContent-Type: text/plain\r\n\r\n%s" % (status, len(body), body)
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = _Loop()

    def __enter__(self) -> Service:
        server = self._loop.call(asyncio.start_server(self._serve, LOOPBACK, 0, backlog=1024))
        self._server: asyncio.Server = server  # type: ignore[assignment]
        self.upstream = Upstream("/", self.name, LOOPBACK, self._server.sockets[0].getsockname()[1])
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.kill()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                if b"content-length:" in head:
                    await reader.readexactly(int(head.split(b"content-length:")[1].split(b"\r\n")[0]))
                await asyncio.sleep(0.002)
                writer.write(self._answer)
        except (asyncio.IncompleteReadError, ConnectionError):
            self._writers.discard(writer)
            writer.close()

    async def _cut(self) -> None:
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()

    def kill(self) -> None:
        if self._loop.loop.is_running():
            self._loop.call(self._cut())
            self._loop.end()


class Load:
    """``connections`` clients that send GET and POST in turn, one each ``pace_seconds``, and never repeat a request.

    ``failures`` holds every status but 200 and every connection that broke; a connection is reopened only after an answer
    that says ``Connection: close``.
    """

    def __init__(self, port: int, connections: int, pace_seconds: float, at_most_seconds: float = 60) -> None:
        self._port, self._connections, self._pace = port, connections, pace_seconds
        self._end = time.monotonic() + at_most_seconds
        self._running = True
        self.sent = 0
        self.failures: list[str] = []
        self.answered_by: collections.Counter[str] = collections.Counter()
        self._loop = _Loop()

    def __enter__(self) -> Load:
        self._clients = asyncio.run_coroutine_threadsafe(self._all(), self._loop.loop)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._running = False
        self._clients.result(30)
        self._loop.end()

    def wait_for_requests(self, number: int) -> None:
        while self.sent < number and time.monotonic() < self._end:
            time.sleep(0.02)

    async def _all(self) -> None:
        await asyncio.gather(*(self._client(number) for number in range(self._connections)))

    async def _client(self, number: int) -> None:
        streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        await asyncio.sleep(self._pace * number / self._connections)
        while self._running and time.monotonic() < self._end:
            self.sent += 1
            number += 1
            try:
                streams = streams or await asyncio.open_connection(LOOPBACK, self._port)
                streams = await self._request(*streams, b"POST" if number % 2 else b"GET")
            except (OSError, EOFError, TimeoutError) as error:
                self.failures.append(repr(error))
                streams = None
            await asyncio.sleep(self._pace)
        if streams:
            streams[1].close()

    async def _request(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, method: bytes
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        body = b"Content-Length: 4\r\n\r\nbody" if method == b"POST" else b"\r\n"
        writer.write(method + b" /x HTTP/1.1\r\nHost: load\r\n" + body)
        async with asyncio.timeout(10):
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            text = await reader.readexactly(int(head.split(b"content-length:")[1].split(b"\r\n")[0]))
        if head[9:12] == b"200":
            self.answered_by[text.decode()] += 1
        else:
            self.failures.append(head.split(b"\r\n")[0].decode())
        if b"connection: close" not in head:
            return reader, writer
        writer.close()
        return None
