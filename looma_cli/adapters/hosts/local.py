"""This machine."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from looma_cli.adapters.hosts.tables import TABLES, in_order, listening, memory
from looma_cli.model.host import Listener


class LocalHost:
    """Implements ``HostAccess`` for this machine. ``proc`` is where the kernel's process file system is mounted."""

    def __init__(self, proc: Path = Path("/proc")) -> None:
        self._proc = proc

    def listeners(self, *, processes: bool = False) -> list[Listener]:
        """Every listening TCP and bound UDP socket, of all users. With ``processes`` also who listens (``nginx[123]``), as far as
        this user may see; that walks all of /proc and takes some ten milliseconds."""
        sockets = [found for table in TABLES for found in self._table(*table)]
        owners = self._owners({inode for _, inode in sockets}) if processes else {}
        return sorted({_named(listener, owners.get(inode, "")) for listener, inode in sockets}, key=in_order)

    def _table(self, name: str, protocol: str, state: str) -> Iterator[tuple[Listener, str]]:
        """(listener, socket inode) of one of the kernel's tables (proc_net_tcp.txt)."""
        try:
            rows = (self._proc / "net" / name).read_text(encoding="ascii").splitlines()[1:]
        except FileNotFoundError:  # a kernel without IPv6
            return
        yield from listening(rows, protocol, state)

    def _owners(self, inodes: set[str]) -> dict[str, str]:
        """Socket inode -> ``name[pid]``."""
        owners = {}
        for process in self._proc.glob("[0-9]*"):
            for inode in _socket_inodes(process) & inodes:
                owners[inode] = f"{_name(process)}[{process.name}]"
        return owners

    def reachable(self, address: str, port: int) -> tuple[str, int]:
        return address, port

    def reach_all(self, pairs: Sequence[tuple[str, int]]) -> dict[tuple[str, int], tuple[str, int]]:
        return {pair: pair for pair in pairs}

    def free_disk_bytes(self, path: str) -> int:
        """What an unprivileged user may still write there; of the nearest parent where the path does not exist yet."""
        return shutil.disk_usage(_existing(Path(path))).free

    def describe(self) -> dict[str, Any]:
        sizes = memory((self._proc / "meminfo").read_text(encoding="ascii").splitlines())
        return {
            "cpus": len(os.sched_getaffinity(0)),
            "memory_bytes": sizes["MemTotal"],
            "memory_available_bytes": sizes["MemAvailable"],
            "disk_bytes": shutil.disk_usage("/").total,
            "kernel": os.uname().release,
            "hostname": os.uname().nodename,
            "time": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        }


def _named(listener: Listener, process: str) -> Listener:
    return Listener(listener.address, listener.port, listener.protocol, process)


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
