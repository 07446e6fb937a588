"""FakeHost: implements ``HostAccess`` for a machine in memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from looma_cli.errors import HostUnreachable
from looma_cli.model.host import Listener
from tests.fakes.daemon import FakeDaemon


class FakeHost:
    """What listens is ``sockets``, the daemon's foreign ports and the published ports of its running containers."""

    def __init__(
        self, daemon: FakeDaemon | None = None, *, disk_bytes: int = 100 * 2**30, free_bytes: int = 50 * 2**30, at: str = ""
    ) -> None:
        self.daemon = daemon or FakeDaemon()
        self.at = at  # of another machine: the path of the sockets that lead to its ports
        self.sockets: set[Listener] = set()
        self.disk_bytes = disk_bytes
        self.free_bytes = free_bytes
        self.answers = True
        self.time = "2026-01-01T00:00:00Z"

    def _check(self) -> None:
        if not self.answers:
            raise HostUnreachable("the host does not answer", "looma host check")

    def listeners(self, *, processes: bool = False) -> list[Listener]:
        self._check()
        found = {(s.address, s.port, s.protocol, s.process) for s in self.sockets}
        found |= {(address, port, "tcp", "foreign[1]") for address, port in self.daemon.foreign_ports}
        for container in self.daemon.containers.values():
            if container.state == "running":
                found |= {(address, port, protocol, "docker-proxy[2]") for address, port, _, protocol in container.ports}
        ordered = sorted(found, key=lambda f: (f[1], f[2], f[0]))
        return [Listener(address, port, protocol, process if processes else "") for address, port, protocol, process in ordered]

    def reachable(self, address: str, port: int) -> tuple[str, int]:
        self._check()
        return self.at or address, port

    def reach_all(self, pairs: Sequence[tuple[str, int]]) -> dict[tuple[str, int], tuple[str, int]]:
        self._check()
        return {pair: self.reachable(*pair) for pair in pairs}

    def free_disk_bytes(self, path: str) -> int:
        self._check()
        return self.free_bytes

    def describe(self) -> dict[str, Any]:
        self._check()
        return {
            "cpus": self.daemon.cpus,
            "memory_bytes": self.daemon.memory_bytes,
            "memory_available_bytes": self.daemon.memory_bytes // 2,
            "disk_bytes": self.disk_bytes,
            "kernel": "6.1.0-fake",
            "hostname": "fake",
            "time": self.time,
        }
