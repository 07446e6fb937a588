"""TOUCH: the machine beside its engine. ``local`` is this one."""

from __future__ import annotations

import os
import shutil
import socket
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from looma_cli.errors import HostUnreachable, InvalidValue
from looma_cli.model.host import Listener
from looma_cli.model.protocols import HostAccess

LISTENING = "0A"  # TCP_LISTEN of include/net/tcp_states.h
UNCONNECTED = "07"  # what a bound UDP socket without a peer shows
TABLES = (("tcp", "tcp", LISTENING), ("tcp6", "tcp", LISTENING), ("udp", "udp", UNCONNECTED), ("udp6", "udp", UNCONNECTED))
MAPPED = bytes(10) + b"\xff\xff"  # ::ffff:a.b.c.d


def open_host(url: str) -> HostAccess:
    """The machine behind a host's URL. Raises InvalidValue, HostUnreachable."""
    if url == "local":
        return LocalHost()
    if url.startswith("ssh://"):
        raise HostUnreachable(f"{url} cannot be reached: remote hosts are not supported by this release", "use --host local")
    raise InvalidValue(f"{url!r} is not a host's address", "write local, or ssh://user@name[:port]")


class LocalHost:
    """Implements ``HostAccess`` for this machine. ``proc`` is where the kernel's process file system is mounted."""

    def __init__(self, proc: Path = Path("/proc")) -> None:
        self._proc = proc

    def listeners(self, *, processes: bool = False) -> list[Listener]:
        """Every listening TCP and bound UDP socket, of all users. With ``processes`` also who listens (``nginx[123]``), as far as
        this user may see; that walks all of /proc and takes some ten milliseconds."""
        sockets = [found for table in TABLES for found in self._table(*table)]
        owners = self._owners({inode for _, inode in sockets}) if processes else {}
        return sorted({_named(listener, owners.get(inode, "")) for listener, inode in sockets}, key=_order)

    def _table(self, name: str, protocol: str, state: str) -> Iterator[tuple[Listener, str]]:
        """(listener, socket inode) of one of the kernel's tables (proc_net_tcp.txt)."""
        try:
            rows = (self._proc / "net" / name).read_text(encoding="ascii").splitlines()[1:]
        except FileNotFoundError:  # a kernel without IPv6
            return
        for row in rows:
            fields = row.split()
            if fields[3] == state:
                address, port = fields[1].split(":")
                yield Listener(address_of(address), int(port, 16), protocol), fields[9]

    def _owners(self, inodes: set[str]) -> dict[str, str]:
        """Socket inode -> ``name[pid]``."""
        owners = {}
        for process in self._proc.glob("[0-9]*"):
            for inode in _socket_inodes(process) & inodes:
                owners[inode] = f"{_name(process)}[{process.name}]"
        return owners

    def reachable(self, address: str, port: int) -> tuple[str, int]:
        return address, port

    def free_disk_bytes(self, path: str) -> int:
        """What an unprivileged user may still write there; of the nearest parent where the path does not exist yet."""
        return shutil.disk_usage(_existing(Path(path))).free

    def describe(self) -> dict[str, Any]:
        memory = self._memory()
        return {
            "cpus": len(os.sched_getaffinity(0)),
            "memory_bytes": memory["MemTotal"],
            "memory_available_bytes": memory["MemAvailable"],
            "disk_bytes": shutil.disk_usage("/").total,
            "kernel": os.uname().release,
            "time": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        }

    def _memory(self) -> dict[str, int]:
        """/proc/meminfo in bytes."""
        rows = (line.split() for line in (self._proc / "meminfo").read_text(encoding="ascii").splitlines())
        return {name.rstrip(":"): int(amount) * (1024 if unit else 1) for name, amount, *unit in rows}


def address_of(text: str, byte_order: Literal["little", "big"] = sys.byteorder) -> str:
    """``0100007F`` or 32 hex digits: the kernel prints each 32-bit word in the machine's byte order."""
    words = [int(text[at : at + 8], 16) for at in range(0, len(text), 8)]
    packed = b"".join(word.to_bytes(4, byte_order) for word in words)
    if len(packed) == 16 and packed.startswith(MAPPED):
        packed = packed[12:]
    return socket.inet_ntop(socket.AF_INET if len(packed) == 4 else socket.AF_INET6, packed)


def _named(listener: Listener, process: str) -> Listener:
    return Listener(listener.address, listener.port, listener.protocol, process)


def _order(listener: Listener) -> tuple[int, str, str, str]:
    return listener.port, listener.protocol, listener.address, listener.process


def _socket_inodes(process: Path) -> set[str]:
    """Empty for a process that has ended or belongs to someone else."""
    try:
        links = [_target(entry) for entry in (process / "fd").iterdir()]
    except OSError:
        return set()
    return {link[8:-1] for link in links if link.startswith("socket:[")}


def _target(entry: Path) -> str:
    """Empty for a file that was closed in the meantime."""
    try:
        return os.readlink(entry)
    except OSError:
        return ""


def _name(process: Path) -> str:
    try:
        return (process / "comm").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return "?"


def _existing(path: Path) -> Path:
    return next(place for place in (path.absolute(), *path.absolute().parents) if place.exists())
