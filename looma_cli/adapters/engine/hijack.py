"""A connection to the engine that has ceased to be HTTP: bytes in both directions (API reference: "Hijacking").

Never blocking by itself, so that one thread can wait for both directions; a TLS connection may want to read in order to write.
"""

from __future__ import annotations

import http.client
import json
import select
import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from looma_cli.adapters.engine.api import EngineApi, refusal
from looma_cli.adapters.engine.way import Way

_UPGRADE = {"Content-Type": "application/json", "Connection": "Upgrade", "Upgrade": "tcp"}
_NOT_YET = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Hijacked:
    """``received`` is what came along with the engine's answer."""

    def __init__(self, connection: socket.socket, received: bytes, way: Way) -> None:
        self._connection = connection
        self.received = received
        self._way = way

    def wait(self, *, writing: bool = False) -> tuple[bool, bool]:
        """Until something can be read, or with ``writing`` be written: (readable, writable)."""
        readable, writable, _ = select.select([self._connection], [self._connection] if writing else [], [])
        return bool(readable), bool(writable)

    def receive(self, amount: int) -> bytes:
        """Waits for what comes next; empty at the end. Raises EngineUnavailable."""
        while True:
            try:
                return self._connection.recv(amount)
            except _NOT_YET:
                self.wait()
            except OSError as error:
                raise self._way.engine_failure(error) from error

    def send(self, view: memoryview) -> int:
        """How many bytes went out at once. Raises BrokenPipeError or ConnectionResetError when nobody takes them."""
        try:
            return self._connection.send(view)
        except _NOT_YET:
            return 0
        except (BrokenPipeError, ConnectionResetError):
            raise
        except OSError as error:
            raise self._way.engine_failure(error) from error

    def close_input(self) -> None:
        """The other side sees the end of its input; its output still arrives."""
        try:
            self._connection.shutdown(socket.SHUT_WR)
        except OSError:
            return  # it has ended by itself


@contextmanager
def hijack(api: EngineApi, path: str, body: Mapping[str, Any] | None = None) -> Iterator[Hijacked]:
    """POST and take the connection over; closed on leaving. Raises as ``EngineApi.stream`` does.

    Without a ``body`` none is sent, not even an empty object: the engine does not wait for one where it expects none, and bytes that
    come after it has taken the connection over are the program's input.
    """
    connection = api.connect()
    try:
        with _as_unavailable(api.way):
            connection.connect()
            channel = connection.sock
            channel.settimeout(api.timeout_seconds)
            connection.request("POST", path, None if body is None else json.dumps(body).encode(), _UPGRADE)
            response = connection.getresponse()
            if response.status >= 400:
                raise refusal(response.status, response.read())
            channel.setblocking(False)
            received = response.fp.peek() or b""
        yield Hijacked(channel, received, api.way)
    finally:
        connection.close()


@contextmanager
def _as_unavailable(way: Way) -> Iterator[None]:
    try:
        yield
    except (OSError, http.client.HTTPException) as error:
        raise way.engine_failure(error) from error
