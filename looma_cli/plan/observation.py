"""What planners are given of the world: looked up once, before anything is decided."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from ipaddress import IPv4Network

from looma_cli.model.host import Host

START_INTERVAL_API = (1, 44)


@dataclass(frozen=True, slots=True)
class Limits:
    """The ranges of the settings, parsed."""

    port_range: tuple[int, int]
    public_port_range: tuple[int, int]
    subnet_pool: IPv4Network
    edge_http_port: int
    edge_https_port: int


@dataclass(frozen=True, slots=True)
class Held:
    """What the state says is taken on a host: (protocol, port) pairs, CIDRs, and the edge's own ports if it has some."""

    ports: frozenset[tuple[str, int]]
    subnets: tuple[str, ...]
    edge_ports: dict[str, int]


@dataclass(frozen=True, slots=True)
class HostObservation:
    """Beside the state: what listens on the host, what its engine has published, which networks it has, and its API version.

    ``api`` is None where no engine was asked (``--no-start``). ``sockets`` are those of ``listening`` that are open right now: without
    what containers that stand still would publish."""

    host: Host
    listening: frozenset[tuple[str, int]]
    networks: tuple[str, ...]
    api: tuple[int, int] | None
    now: datetime
    sockets: frozenset[tuple[str, int]] = frozenset()

    @property
    def start_interval(self) -> bool:
        return self.api is None or self.api >= START_INTERVAL_API
