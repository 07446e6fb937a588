"""What is asked of a component and what it answered."""

from __future__ import annotations

from dataclasses import dataclass

from looma_cli.model.edition import Probe


@dataclass(frozen=True, slots=True)
class ProbeTarget:
    """Where to send a component's probe: ``address`` and ``port`` are reachable from here. An address that is a path is the unix socket
    from which the port of another host is reached."""

    component: str
    kind: str
    probe: Probe
    address: str
    port: int

    @property
    def forwarded(self) -> bool:
        return self.address.startswith("/")


@dataclass(frozen=True, slots=True)
class ProbeResult:
    component: str
    healthy: bool
    latency_ms: float | None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class ComponentHealth:
    """One line of ``looma health``. ``state`` is the container's state (or ``serving``/``absent`` for the edge's route)."""

    component: str
    kind: str
    state: str
    healthy: bool
    latency_ms: float | None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class TenantHealth:
    name: str
    healthy: bool
    components: tuple[ComponentHealth, ...]
