"""PostgreSQL: a startup packet, as pg_isready sends it, and a look at the first answer (PostgreSQL, "Frontend/Backend Protocol")."""

from __future__ import annotations

import struct

from looma_cli.adapters.health.conversation import Conversation, NotHealthy, one_line

VERSION_3 = 196608
MOST_MESSAGE = 30_000
# 57P01 to 57P05: starting, recovering or stopping; 53xxx: out of connections, memory or disk. Any other error is the
# answer of a server that works (it may not know our user), which is how pg_isready judges as well.
NOT_WORKING = ("57P0", "53")


async def ask_postgresql(talk: Conversation) -> str:
    """Leaves before the password: the server expects that of clients that go and ask their user, and logs nothing."""
    parameters = b"user\0postgres\0database\0postgres\0application_name\0looma-health\0\0"
    await talk.send(struct.pack("!II", 8 + len(parameters), VERSION_3) + parameters)
    kind = await talk.reader.readexactly(1)
    (length,) = struct.unpack("!I", await talk.reader.readexactly(4))
    if kind not in b"RE" or not 8 <= length <= MOST_MESSAGE:
        raise NotHealthy(f"not a PostgreSQL answer: {one_line(kind + struct.pack('!I', length))}")
    message = await talk.reader.readexactly(length - 4)
    if kind == b"E":
        _judge(message)
    elif message[:4] == b"\0\0\0\0":  # let in without a password: say goodbye
        await talk.send(b"X\0\0\0\x04")
    return ""


def _judge(message: bytes) -> None:
    """``message`` is a row of NUL-terminated fields, each with its letter: C is the SQLSTATE, M the text."""
    fields = {part[:1]: part[1:] for part in message.split(b"\0") if part}
    state = fields.get(b"C", b"").decode("ascii", "replace")
    if state.startswith(NOT_WORKING):
        raise NotHealthy(f"{state} {one_line(fields.get(b'M', b''))}")
