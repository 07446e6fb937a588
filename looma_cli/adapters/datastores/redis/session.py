"""Redis' protocol (RESP2) over a program's streams. Source: redis.io, "Redis serialization protocol specification"."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from looma_cli.errors import BackupFailed, CommandFailed
from looma_cli.model.protocols import Program

HINT = "looma tenant logs TENANT redis shows what happened"
Word = str | bytes | int


class Refused(BackupFailed):
    """The server answered a command with an error."""


class Session:
    """One connection. Replies are bytes, int, None or lists of them; status replies are bytes too."""

    def __init__(self, program: Program, name: str) -> None:
        self._program = program
        self._name = name
        self._buffer = bytearray()

    def call(self, *words: Word) -> Any:
        """The reply to one command. Raises Refused."""
        self.send(*words)
        return self.reply(str(words[0]))

    def send(self, *words: Word) -> None:
        self.write(_encoded(words))

    def write(self, data: bytes) -> None:
        try:
            self._program.write(data)
        except CommandFailed as error:
            raise self._ended() from error

    def reply(self, asked: str = "a command") -> Any:
        line = self.line()
        kind, rest = line[:1], line[1:]
        if kind == b"+":
            return rest
        if kind == b"-":
            raise Refused(f"redis in {self._name} refuses {asked}: {rest.decode(errors='replace')}", HINT)
        return self._value(kind, rest, asked)

    def _value(self, kind: bytes, rest: bytes, asked: str) -> Any:
        length = int(rest)
        if kind == b":":
            return length
        if length < 0:
            return None
        if kind == b"*":
            return [self.reply(asked) for _ in range(length)]
        return self.exactly(length + 2)[:-2]

    def line(self) -> bytes:
        """Without its end."""
        while (end := self._buffer.find(b"\n")) < 0:
            self._fill()
        return self.exactly(end + 1).rstrip(b"\r\n")

    def exactly(self, length: int) -> bytes:
        while len(self._buffer) < length:
            self._fill()
        piece = bytes(self._buffer[:length])
        del self._buffer[:length]
        return piece

    def pieces(self) -> Iterator[bytes]:
        """All that still comes, as it comes."""
        if self._buffer:
            yield bytes(self._buffer)
        yield from iter(self._program.read, b"")

    def _fill(self) -> None:
        piece = self._program.read()
        if not piece:
            raise self._ended()
        self._buffer += piece

    def _ended(self) -> BackupFailed:
        why = self._program.errors().rpartition("\n")[2] or "it closed"
        return BackupFailed(f"the connection to redis in {self._name} ended: {why}", HINT)


def _encoded(words: tuple[Word, ...]) -> bytes:
    texts = [word if isinstance(word, bytes) else str(word).encode() for word in words]
    return b"".join([b"*%d\r\n" % len(texts), *(b"$%d\r\n%b\r\n" % (len(text), text) for text in texts)])


def information(session: Session, section: str) -> dict[str, str]:
    """A section of INFO."""
    lines = session.call("INFO", section).decode().splitlines()
    return dict(line.split(":", 1) for line in lines if ":" in line)
