"""A tenant's route at the edge."""

from __future__ import annotations

from dataclasses import dataclass

ROUTE_MODES = ("serving", "suspended", "stopped", "frozen", "moved")


@dataclass(frozen=True, slots=True)
class Upstream:
    """``prefix`` is ``/`` for the entry service, else the manifest's path; the edge strips it before passing a request on."""

    prefix: str
    service: str
    address: str
    port: int


@dataclass(frozen=True, slots=True)
class Route:
    """Everything the edge needs to know of a tenant. Certificate and key are PEM text, in memory only."""

    tenant: str
    public_port: int
    hostname: str | None
    upstreams: tuple[Upstream, ...]
    mode: str = "serving"
    certificate: str | None = None
    private_key: str | None = None


@dataclass(frozen=True, slots=True)
class EdgeSpecification:
    """The edge of one host: ``http_port`` and ``https_port`` route by hostname, on every address."""

    host: str
    installation: str
    image: str
    http_port: int
    https_port: int
    memory_bytes: int = 512 * 1024 * 1024  # about 0.6 MiB for each tenant of ten services, and 20 MiB


@dataclass(frozen=True, slots=True)
class EdgeRecord:
    """What an edge remembers of itself, when the state that made it is lost."""

    http_port: int
    https_port: int
    routes: tuple[Route, ...]  # by tenant
