"""The engine's log and exec streams: frames of several streams in one connection (API reference: "Stream format")."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Protocol

from looma_cli.errors import InvalidValue

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class Readable(Protocol):
    def read(self, amount: int) -> bytes: ...


def frames(source: Readable) -> Iterator[tuple[int, bytes]]:
    """(stream, payload) of each frame, stream 1 being stdout and 2 stderr; ends at the end of the connection."""
    while len(header := _exactly(source, 8)) == 8:
        yield header[0], _exactly(source, int.from_bytes(header[4:], "big"))


def _exactly(source: Readable, size: int) -> bytes:
    """``size`` bytes, or fewer at the end of the connection."""
    parts = []
    while size > 0 and (part := source.read(size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def raw(source: Readable) -> Iterator[tuple[int, bytes]]:
    """A container with a terminal has one stream and no frames."""
    while part := source.read(1):
        yield 1, part


def lines(chunks: Iterable[tuple[int, bytes]]) -> Iterator[str]:
    """Whole lines of each stream, without their ends, in the order in which they ended."""
    open_lines: dict[int, bytes] = {}
    for stream, payload in chunks:
        *whole, open_lines[stream] = (open_lines.get(stream, b"") + payload).split(b"\n")
        yield from (text(line) for line in whole)
    yield from (text(rest) for rest in open_lines.values() if rest)


def text(line: bytes) -> str:
    return line.rstrip(b"\r").decode("utf-8", errors="replace")


def since_seconds(since: str, now: float) -> str:
    """``10m``, ``2h30m``, an RFC 3339 time or seconds since the epoch as the API's ``since``. Raises InvalidValue."""
    if re.fullmatch(r"\d+(\.\d+)?", since):
        return since
    if re.fullmatch(r"(\d+[smhd])+", since):
        parts = re.findall(r"(\d+)([smhd])", since)
        return f"{now - sum(int(number) * UNITS[unit] for number, unit in parts):.3f}"
    try:
        moment = datetime.fromisoformat(since)
    except ValueError as error:
        raise InvalidValue(f"{since!r} is neither a duration nor a time", "write 10m, 2h, 1d or 2026-01-31T12:00:00Z") from error
    return f"{(moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp():.3f}"
