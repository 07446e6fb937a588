"""The RDB stream as a replica gets it: ``$EOF:`` and a mark of 40 bytes, the data, and the mark again once all of it was sent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from looma_cli.adapters.datastores.redis.session import HINT, Session
from looma_cli.errors import BackupFailed

MARK_LENGTH = 40


@dataclass(slots=True)
class Dump:
    """Begun: the server has forked, and sends as fast as it is read. After a minute without reading it gives up."""

    position: Mapping[str, str]
    channel: Session
    read: bool = False

    @classmethod
    def begun(cls, channel: Session) -> Dump:
        """Source: redis.io, "PSYNC". The offset is that of the fork."""
        answer = channel.reply("PSYNC").decode().split()
        if answer[0] != "FULLRESYNC":
            raise BackupFailed(f"redis answers PSYNC with {answer[0]}", HINT)
        return cls({"replication_id": answer[1], "offset": answer[2]}, channel)

    @contextmanager
    def chunks(self) -> Iterator[Iterator[bytes]]:
        if self.read:
            raise BackupFailed("a redis dump can be read only once", "begin a new moment")
        self.read = True
        yield self._chunks()

    def _chunks(self) -> Iterator[bytes]:
        mark, held = self._mark(), b""
        for piece in self.channel.pieces():
            held += piece
            if held.endswith(mark):
                yield from _unless_empty(held[:-MARK_LENGTH])
                return
            yield from _unless_empty(held[:-MARK_LENGTH])
            held = held[-MARK_LENGTH:]
        raise BackupFailed("the redis dump ended early: the process that sends it, or the server, was ended", HINT)

    def _mark(self) -> bytes:
        """Line feeds keep the connection open until the data comes."""
        while not (line := self.channel.line()):
            pass
        if not line.startswith(b"$EOF:"):
            raise BackupFailed("redis does not send its dump as a stream", "CONFIG GET repl-diskless-sync must say yes")
        return line.removeprefix(b"$EOF:")


def _unless_empty(piece: bytes) -> Iterator[bytes]:
    if piece:
        yield piece
