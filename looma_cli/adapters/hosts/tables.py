"""The kernel's own tables, as /proc shows them: this machine's and another's are read alike."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterable, Iterator
from typing import Literal

from looma_cli.model.host import Listener

ByteOrder = Literal["little", "big"]
LISTENING = "0A"  # TCP_LISTEN of include/net/tcp_states.h
UNCONNECTED = "07"  # what a bound UDP socket without a peer shows
TABLES = (("tcp", "tcp", LISTENING), ("tcp6", "tcp", LISTENING), ("udp", "udp", UNCONNECTED), ("udp6", "udp", UNCONNECTED))
MAPPED = bytes(10) + b"\xff\xff"  # ::ffff:a.b.c.d


def listening(
    rows: Iterable[str], protocol: str, state: str, byte_order: ByteOrder = sys.byteorder
) -> Iterator[tuple[Listener, str]]:
    """(listener, socket inode) of the rows of a table in a state (proc_net_tcp.txt); its headline is no row."""
    for row in rows:
        fields = row.split()
        if fields[3] == state:
            address, port = fields[1].split(":")
            yield Listener(address_of(address, byte_order), int(port, 16), protocol), fields[9]


def address_of(text: str, byte_order: ByteOrder = sys.byteorder) -> str:
    """``0100007F`` or 32 hex digits: the kernel prints each 32-bit word in the machine's byte order."""
    words = [int(text[at : at + 8], 16) for at in range(0, len(text), 8)]
    packed = b"".join(word.to_bytes(4, byte_order) for word in words)
    if len(packed) == 16 and packed.startswith(MAPPED):
        packed = packed[12:]
    return socket.inet_ntop(socket.AF_INET if len(packed) == 4 else socket.AF_INET6, packed)


def in_order(listener: Listener) -> tuple[int, str, str, str]:
    return listener.port, listener.protocol, listener.address, listener.process


def memory(rows: Iterable[str]) -> dict[str, int]:
    """/proc/meminfo in bytes."""
    fields = (row.split() for row in rows if ":" in row)
    return {name.rstrip(":"): int(amount) * (1024 if unit else 1) for name, amount, *unit in fields}
