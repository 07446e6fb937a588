"""Bolt: the handshake of Neo4j and its kind, without a log-in (neo4j.com/docs/bolt, "Handshake")."""

from __future__ import annotations

from looma_cli.adapters.health.conversation import Conversation, NotHealthy, one_line

MAGIC = b"\x60\x60\xb0\x17"
# four proposals of (0, range, minor, major): 5.8 down to 5.0, 4.4 down to 4.2, 4.1, 3
PROPOSALS = b"\x00\x08\x08\x05\x00\x02\x04\x04\x00\x00\x01\x04\x00\x00\x00\x03"


async def ask_bolt(talk: Conversation) -> str:
    """Healthy when the server picks one of the versions that we propose."""
    await talk.send(MAGIC + PROPOSALS)
    answer = await talk.reader.readexactly(4)
    if answer[:2] != b"\0\0" or answer[3] > 15:
        raise NotHealthy(f"not a Bolt answer: {one_line(answer)}")
    if answer == b"\0\0\0\0":
        raise NotHealthy("speaks none of Bolt 3 to 5.8")
    return ""
