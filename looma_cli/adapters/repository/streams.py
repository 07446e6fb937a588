"""Bytes into restic: an end of input that only looma can give, and what was given out kept until restic has begun to read."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterable, Iterator

REPLAYED = 1 << 20  # more than a socket's buffers hold (net.core.wmem_default, 208 KiB)


class Replay:
    """Chunks that can be had again while so few were taken that restic cannot have begun to read: it locks the repository first, and
    when it finds it locked the same bytes go to its next attempt."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._taken: list[bytes] = []
        self._size = 0

    @property
    def whole(self) -> bool:
        return self._size <= REPLAYED

    def __iter__(self) -> Iterator[bytes]:
        yield from list(self._taken)
        for chunk in self._chunks:
            if self.whole:
                self._taken.append(chunk)
                self._size += len(chunk)
            else:
                self._taken.clear()
            yield chunk


class Input:
    """Standard input of a program, which ends when ``complete`` is called and never otherwise.

    With a pipe, looma's death is an end of input like any other, and restic might make a snapshot of a part before it is killed. Here
    the program itself holds looma's end of a socket open as well (it knows nothing of it), so that only a shutdown ends it.
    """

    def __init__(self) -> None:
        self.ours, self.theirs = socket.socketpair()

    def send(self, chunk: bytes) -> bool:
        """False when nobody reads any more."""
        try:
            self.ours.sendall(chunk)
        except (BrokenPipeError, ConnectionResetError):
            return False
        return True

    def complete(self) -> None:
        with contextlib.suppress(OSError):  # nobody reads any more: its exit code says why
            self.ours.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        self.ours.close()
        self.theirs.close()
