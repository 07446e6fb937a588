"""Idle connections to an engine on another host, where a new one takes a round trip of its own."""

from __future__ import annotations

import http.client
import select
from collections import deque

MOST = 16


class KeptConnections:
    """For several threads. Each connection belongs to what the way was opened as: when that has broken, so have they."""

    def __init__(self) -> None:
        self._idle: deque[tuple[object, http.client.HTTPConnection]] = deque()

    def take(self, opened: object) -> http.client.HTTPConnection | None:
        """One that the other side has not closed, as far as is known here."""
        while self._idle:
            try:
                belongs, connection = self._idle.pop()
            except IndexError:  # another thread was faster
                break
            if belongs is opened and _is_quiet(connection):
                return connection
            connection.close()
        return None

    def give(self, opened: object, connection: http.client.HTTPConnection) -> None:
        """Closed where it is of no use any more, or where a new one costs nothing (``opened`` is None)."""
        if opened is None or len(self._idle) >= MOST:
            connection.close()
        else:
            self._idle.append((opened, connection))


def _is_quiet(connection: http.client.HTTPConnection) -> bool:
    """Whether nothing has come unasked: its end, for instance."""
    if connection.sock is None:
        return False
    poll = select.poll()
    poll.register(connection.sock, select.POLLIN)
    return not poll.poll(0)
