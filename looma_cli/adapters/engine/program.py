"""Programs in containers, by their standard streams: the engine's exec with a hijacked connection (API reference: "Exec").

Reading and writing share one connection and one thread: while a write waits, output is taken off the line, so that neither side can
block the other.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Callable

from looma_cli.adapters.engine.hijack import Hijacked
from looma_cli.errors import CommandFailed

PIECE = 1 << 20
HEADER = 8
ERRORS_KEPT = 16 << 10
STDOUT, STDERR = 1, 2
# A dump comes in pieces of 4 to 32 KiB, and each takes as long to hand on as a large one. What lies between these is part of a dump of
# which more is on its way; in a millisecond it is not so much that the engine (whose socket holds some 100 KiB) would have to wait.
FLOWING, PLENTY = 4 << 10, 64 << 10
PAUSE_SECONDS = 0.001
_FRAME = struct.Struct(">BxxxL")  # stream, length of the payload


class Frames:
    """Takes the connection's bytes as they come; gives back the payloads of standard output, and keeps the end of standard error."""

    def __init__(self) -> None:
        self.errors = b""
        self._output: list[memoryview] = []
        self._header = b""
        self._left = 0
        self._stream = STDOUT

    def feed(self, data: bytes) -> None:
        """A program that writes 4 KiB at a time sends 250,000 frames a gigabyte: what happens to each must be little."""
        view, position, end = memoryview(data), 0, len(data)
        while position < end:
            if self._left:
                stop = min(position + self._left, end)
                self._left -= stop - position
                self._take(view[position:stop])
                position = stop
            elif end - position >= HEADER and not self._header:
                self._stream, self._left = _FRAME.unpack_from(data, position)
                position += HEADER
            else:
                position += self._begin(view[position : position + HEADER - len(self._header)])

    def _begin(self, part: memoryview) -> int:
        """A header that came in two pieces."""
        self._header += part
        if len(self._header) == HEADER:
            self._stream, self._left = _FRAME.unpack(self._header)
            self._header = b""
        return len(part)

    def _take(self, payload: memoryview) -> None:
        if self._stream == STDERR:
            self.errors = (self.errors + payload)[-ERRORS_KEPT:]
        else:
            self._output.append(payload)

    @property
    def waiting(self) -> bool:
        return bool(self._output)

    def output(self) -> bytes:
        """All that has come so far."""
        pieces = b"".join(self._output)
        self._output.clear()
        return pieces


class ExecProgram:
    """Implements ``Program`` on the hijacked connection of one exec; ``exit_code`` asks the engine how it ended."""

    def __init__(self, connection: Hijacked, exit_code: Callable[[], int]) -> None:
        self._connection = connection
        self._exit_code = exit_code
        self._frames = Frames()
        self._frames.feed(connection.received)
        self.ended = False
        self._last = 0  # how many bytes came with the last read

    def read(self) -> bytes:
        if FLOWING <= self._last < PLENTY:
            time.sleep(PAUSE_SECONDS)
        while not self._frames.waiting and not self.ended:
            self._receive()
        output = self._frames.output()
        self._last = len(output)
        return output

    def write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            readable, writable = self._connection.wait(writing=True)
            if readable:
                self._receive()
            if self.ended:
                raise CommandFailed(f"the program ended before it had read all: {self.errors()}", "its last words say why")
            if writable:
                view = view[self._send(view[:PIECE]) :]

    def _send(self, view: memoryview) -> int:
        try:
            return self._connection.send(view)
        except (BrokenPipeError, ConnectionResetError) as error:
            raise CommandFailed(f"the program does not take its input any more: {self.errors()}", "its last words say why") from error

    def close_input(self) -> None:
        self._connection.close_input()

    def finish(self) -> int:
        while not self.ended:
            self._receive()
            self._frames.output()
        return self._exit_code()

    def errors(self) -> str:
        return self._frames.errors.decode("utf-8", errors="replace").strip()

    def _receive(self) -> None:
        data = self._connection.receive(PIECE)
        if data:
            self._frames.feed(data)
        else:
            self.ended = True
