"""Redis: an inline PING (redis.io, "RESP protocol": inline commands)."""

from __future__ import annotations

from looma_cli.adapters.health.conversation import Conversation, NotHealthy, one_line

# Errors of a server that is at work, but does not know us: enough for a probe that has no password.
ALIVE = (b"-NOAUTH", b"-NOPERM", b"-WRONGPASS")


async def ask_redis(talk: Conversation) -> str:
    """Raises NotHealthy for any other error: LOADING, MASTERDOWN, MISCONF, too many clients, protected mode."""
    await talk.send(b"PING\r\n")
    line = await talk.reader.readline()
    if not line.startswith(b"+PONG") and not line.startswith(ALIVE):
        raise NotHealthy(one_line(line[1:]) if line.startswith(b"-") else f"not a Redis answer: {one_line(line)}")
    await talk.send(b"QUIT\r\n")
    return ""
