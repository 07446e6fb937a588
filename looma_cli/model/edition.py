"""Editions and their components: what a manifest says, as frozen nouns.

Source of the numbers: the seeds' port map (``port-map.yaml`` of the contract); prices, requirements and releases are examples.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

PROFILES = ("lite", "full")
LAYERS = ("data", "app")
KINDS = ("service", "datastore", "infrastructure")


@dataclass(frozen=True, slots=True)
class Price:
    monthly: float
    currency: str
    example: bool = True


@dataclass(frozen=True, slots=True)
class Requirements:
    cpus: float
    memory_bytes: int
    disk_bytes: int
    example: bool = True


@dataclass(frozen=True, slots=True)
class ConnectionPool:
    """Database pool settings of the seeds: sizes in connections, times in seconds."""

    size: int
    maximum: int
    connection_timeout_seconds: int
    idle_timeout_seconds: int
    retries: int


@dataclass(frozen=True, slots=True)
class ImageReference:
    """Where an image comes from: ``registry`` is pulled by default, ``local`` is built on the spot.

    ``registry`` may hold ``$(registry)``, ``$(edition)``, ``$(service)`` and ``$(release)``.
    """

    registry: str
    local: str | None = None


@dataclass(frozen=True, slots=True)
class PublishedPort:
    """``canonical`` is the documented host port, or ``None`` where the port stays inside the stack's network."""

    name: str
    container_port: int
    canonical: int | None
    protocol: str = "tcp"


@dataclass(frozen=True, slots=True)
class Probe:
    """How looma asks a component whether it works: ``kind`` is http, mysql, redis, postgresql, bolt or tcp."""

    kind: str
    port: str
    path: str = "/"
    expect: tuple[int, ...] = (200,)


@dataclass(frozen=True, slots=True)
class Resources:
    """Limits of one container: memory in bytes, CPUs as a number of cores, processes as a count."""

    memory_bytes: int
    cpus: float
    pids: int = 512


@dataclass(frozen=True, slots=True)
class Component:
    """One container of a stack.

    Strings in ``environment``, ``command``, ``connection``, ``image`` and ``healthcheck`` may hold the placeholders
    ``$(tenant)``, ``$(edition)``, ``$(release)``, ``$(service)``, ``$(port)`` (first container port), ``$(registry)``, ``$(memory_mib)``,
    ``$(pool.size)``, ``$(pool.maximum)``, ``$(pool.connection_timeout)``, ``$(pool.idle_timeout)``, ``$(pool.retries)`` and
    ``$(secret.NAME)``, which becomes the path of the file with that secret. Nothing else is ever interpreted.
    """

    name: str
    kind: str  # one of KINDS
    type: str  # the component file it comes from: service, mysql, redis, ...
    layer: str  # one of LAYERS
    title: str
    image: ImageReference
    ports: tuple[PublishedPort, ...]
    probe: Probe
    healthcheck: tuple[str, ...]  # compose's `test`: ("CMD", ...) or ("CMD-SHELL", ...)
    resources: Mapping[str, Resources]  # profile -> limits
    profiles: tuple[str, ...] = PROFILES
    environment: Mapping[str, str] = field(default_factory=dict)
    connection: Mapping[str, str] = field(default_factory=dict)  # what app services are told about a datastore
    secrets: tuple[str, ...] = ()  # generated per tenant; shared by name within the tenant
    command: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] = ()
    volumes: Mapping[str, str] = field(default_factory=dict)  # volume name -> mount path
    temporary: tuple[str, ...] = ()  # tmpfs paths
    configs: Mapping[str, str] = field(default_factory=dict)  # template under templates/config -> path in the container
    capabilities: tuple[str, ...] = ()  # added back after dropping all
    user: str | None = None
    read_only: bool = False
    depends_on: tuple[str, ...] = ()  # components of the same layer that must be healthy first
    path: str | None = None  # prefix at the edge, services only
    metrics_path: str | None = None  # scraped by the tenant's Prometheus when set
    stop_grace_seconds: int = 10
    stop_signal: str | None = None
    ulimits: Mapping[str, int] = field(default_factory=dict)
    backup: Mapping[str, str] = field(default_factory=dict)  # driver (mysql, postgresql, redis, volume, none) and its settings
    migrate: tuple[str, ...] = ()  # arguments of the image that bring the data to this release, run once per upgrade or switch
    provided_by: str | None = None  # "edge": the host's edge is this component; nothing is started for it


@dataclass(frozen=True, slots=True)
class Edition:
    """One manifest. ``kind`` is ``edition``, or ``platform`` for the provider's own stack (looma-core)."""

    name: str
    kind: str
    title: str
    audience: tuple[str, ...]
    features: tuple[str, ...]
    price: Price
    requirements: Requirements
    releases: tuple[str, ...]  # oldest first
    pool: ConnectionPool
    port_range: tuple[int, int]
    entry: str
    components: tuple[Component, ...]  # manifest order: services, datastores, infrastructure
    traits: Mapping[str, object] = field(default_factory=dict)  # what `recommend` ranks by

    def of_profile(self, profile: str) -> tuple[Component, ...]:
        """The components that a tenant with this profile gets, in manifest order."""
        return tuple(c for c in self.components if profile in c.profiles and c.provided_by is None)

    def component(self, name: str) -> Component:
        """The component of that name; ``KeyError`` if the edition has none."""
        for component in self.components:
            if component.name == name:
                return component
        raise KeyError(name)


@dataclass(frozen=True, slots=True)
class PortClaim:
    edition: str
    component: str


@dataclass(frozen=True, slots=True)
class PortConflict:
    """Two manifests that document the same host port."""

    port: int
    claims: tuple[PortClaim, ...]
