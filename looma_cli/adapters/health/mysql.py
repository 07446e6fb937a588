"""MySQL and MariaDB: the greeting, then a whole handshake as a user that does not exist (MySQL, "Connection Phase").

Why not just the greeting: a client that leaves after it counts as an interrupted handshake. After ``max_connect_errors`` (100)
of them in a row MySQL blocks the host (error 1129), tenant and all, and each one is logged. A refused log-in is an ordinary
end of the connection phase: it does not count towards the blocking.
"""

from __future__ import annotations

import struct

from looma_cli.adapters.health.conversation import Conversation, NotHealthy, one_line

USER = b"looma-health"
PROTOCOL_41, SECURE_CONNECTION, PLUGIN_AUTH, LONG_PASSWORD = 0x200, 0x8000, 0x80000, 0x1
UTF8MB4 = 45
OK, MORE, SWITCH, ERROR = 0x00, 0x01, 0xFE, 0xFF
COM_QUIT = b"\x01\0\0\0\x01"
MOST_PACKET = 64 * 1024
# Out of connections, memory or threads, stopping, or this host is blocked. Any other error comes from a server that works.
NOT_WORKING = {1037, 1038, 1040, 1041, 1053, 1129, 1135, 1203}


async def ask_mysql(talk: Conversation) -> str:
    sequence, greeting = await _packet(talk)
    if greeting[0] == ERROR:
        _judge(greeting)
        return ""
    if greeting[0] != 10 or b"\0" not in greeting[1:]:
        raise NotHealthy(f"not a MySQL greeting: {one_line(greeting)}")
    await _send(talk, sequence + 1, _log_in())
    for _ in range(4):  # a change of the authentication method or two, then the verdict
        sequence, answer = await _packet(talk)
        if answer[0] == ERROR:
            _judge(answer)
            return ""
        if answer[0] == OK:
            await talk.send(COM_QUIT)
            return ""
        await _send(talk, sequence + 1, b"")
    raise NotHealthy("does not come to an end of its handshake")


def _log_in() -> bytes:
    flags = LONG_PASSWORD | PROTOCOL_41 | SECURE_CONNECTION | PLUGIN_AUTH
    head = struct.pack("<IIB23x", flags, 1 << 24, UTF8MB4)
    return head + USER + b"\0" + b"\0" + b"mysql_native_password\0"


async def _send(talk: Conversation, sequence: int, payload: bytes) -> None:
    await talk.send(struct.pack("<I", len(payload))[:3] + bytes([sequence & 0xFF]) + payload)


async def _packet(talk: Conversation) -> tuple[int, bytes]:
    """(sequence number, payload); the payload is never empty."""
    header = await talk.reader.readexactly(4)
    length = int.from_bytes(header[:3], "little")
    if not 1 <= length <= MOST_PACKET:
        raise NotHealthy(f"not a MySQL answer: {one_line(header)}")
    return header[3], await talk.reader.readexactly(length)


def _judge(packet: bytes) -> None:
    """Error packet: 0xff, code, and after the greeting ``#`` with five characters of SQLSTATE; the rest is the text."""
    if len(packet) < 3:
        raise NotHealthy("a broken MySQL error")
    code = int.from_bytes(packet[1:3], "little")
    text = packet[9:] if packet[3:4] == b"#" else packet[3:]
    if code in NOT_WORKING:
        raise NotHealthy(f"{code} {one_line(text)}")
