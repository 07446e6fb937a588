"""A machine beside its engine: what listens there, its edge, and probes of what runs on it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from looma_cli.model.health import ProbeResult, ProbeTarget
from looma_cli.model.host import Listener
from looma_cli.model.route import EdgeRecord, EdgeSpecification, Route


class HostAccess(Protocol):
    """What looma needs of a machine beside its engine."""

    def listeners(self) -> list[Listener]: ...
    def reachable(self, address: str, port: int) -> tuple[str, int]:
        """Where to connect from here to reach that loopback address and port of the host: address and port, or for another host the path
        of a unix socket and the port."""
        ...

    def reach_all(self, pairs: Sequence[tuple[str, int]]) -> dict[tuple[str, int], tuple[str, int]]:
        """The same for many (address, port) at once, which another host is asked for in one go."""
        ...

    def free_disk_bytes(self, path: str) -> int: ...
    def describe(self) -> dict[str, Any]:
        """cpus, memory_bytes, disk_bytes, memory_available_bytes, kernel, hostname, time."""
        ...


class Edge(Protocol):
    """The one Nginx of an installation on a host. Changes are checked before a graceful reload and serialised on the host."""

    def ensure(self, specification: EdgeSpecification) -> None:
        """The edge runs with this specification afterwards. Raises PortTaken, ImageUnavailable."""
        ...

    def start(self) -> bool:
        """Whether there is an edge; it serves afterwards, also where it had ended: routes and modes are as they were. Raises PortTaken
        where somebody has one of its ports meanwhile, CommandFailed where it does not start."""
        ...

    def running(self) -> bool: ...
    def apply(self, route: Route) -> None:
        """The route serves in its mode afterwards, for every new request; idempotent. Raises EdgeRefused (the old one still serves)."""
        ...

    def set_mode(self, tenant: str, mode: str) -> None:
        """Takes effect at once for every worker and kept-alive connection."""
        ...

    def remove(self, tenant: str) -> None: ...
    def routes(self) -> list[str]:
        """Names of the tenants with a route file."""
        ...

    def recall(self) -> EdgeRecord | None:
        """What the edge itself knows, running or not: its ports and every route as it was applied. None where there is no edge."""
        ...

    def settle(self, tenant: str, timeout_seconds: float) -> bool:
        """Of a frozen tenant: waits until every write that was let through before has been answered; False on time-out."""
        ...

    def drain(self, timeout_seconds: float) -> bool:
        """Waits until workers of earlier configurations have ended; False on time-out."""
        ...

    def destroy(self) -> None:
        """Container and volume are gone afterwards. Idempotent."""
        ...


class Health(Protocol):
    """Sends probes, all at once within limits."""

    def probe(self, targets: Sequence[ProbeTarget], *, timeout_seconds: float = 2.0) -> list[ProbeResult]:
        """One result per target, in order. Never raises for a target that does not answer."""
        ...
