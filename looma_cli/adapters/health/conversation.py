"""What every probe shares: the open connection, and the way to say that a component is not well."""

from __future__ import annotations

from asyncio import StreamReader, StreamWriter
from dataclasses import dataclass

from looma_cli.model.health import ProbeTarget

DETAIL_CHARACTERS = 80


class NotHealthy(Exception):
    """The component answered, and its answer says that it does not work (or that it is something else)."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """One connection to one component."""

    target: ProbeTarget
    reader: StreamReader
    writer: StreamWriter

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()


def one_line(text: bytes | str, limit: int = DETAIL_CHARACTERS) -> str:
    """Foreign text made fit for a terminal: printable, one line, at most ``limit`` characters."""
    decoded = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    printable = "".join(c if c.isprintable() else " " for c in decoded)
    return " ".join(printable.split())[:limit]
