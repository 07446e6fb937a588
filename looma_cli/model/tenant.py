"""A tenant, what it holds on its host, and the names of its layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal, NamedTuple

TENANT_STATUSES = ("created", "provisioning", "running", "stopped", "suspended", "switching", "failed", "deleting")
SERVING = ("running", "suspended")  # their datastores run
PortDetail = Literal["whole", "listed", "none"]  # of tenants that are read: Allocations, StackPorts, or neither ports nor subnets
ALLOCATION_STATES = ("reserved", "bound", "draining", "quarantined")
LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True, order=True)
class LayerReference:
    """Names one layer of one generation; its project name is also its network's name."""

    tenant: str
    layer: str  # data | app
    generation: int

    @property
    def project(self) -> str:
        return f"looma-{self.tenant}-{self.layer}-g{self.generation}"


@dataclass(frozen=True, slots=True)
class Allocation:
    """One (host, address, port, protocol); ``tenant`` is None for the edge's own and for quarantined ports.

    ``layer`` is data, app or edge. ``canonical`` says whether ``host_port`` is the documented number.
    """

    host: str
    address: str
    host_port: int
    protocol: str
    tenant: str | None
    layer: str
    generation: int
    component: str
    container_port: int
    canonical: bool
    state: str = "reserved"


class StackPort(NamedTuple):
    """What lists print of an allocation. A fleet has hundreds of thousands, and each of these is the row that the database gave."""

    tenant: str
    component: str
    layer: str
    container_port: int
    host_port: int
    address: str
    canonical: bool | int  # SQLite has 0 and 1


@dataclass(frozen=True, slots=True)
class Subnet:
    """One CIDR on one host, held by one layer; ``name`` is the network's name on the engine."""

    host: str
    cidr: str
    tenant: str
    layer: str
    generation: int
    name: str


@dataclass(frozen=True, slots=True)
class KeptLayer:
    """A layer that its tenant has left, stopped and kept for the way back until ``keep_until``. ``record`` has the fields of the tenant's
    record from when the layer was its own (edition, release, …), as far as they changed with it."""

    reference: LayerReference
    host: str
    keep_until: datetime
    reason: str
    record: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Certificate:
    """A tenant's own TLS certificate (PEM chain) and its sealed private key."""

    chain: str
    sealed_key: str


@dataclass(frozen=True, slots=True)
class Tenant:
    """A customer with one edition at one release on one host.

    ``platform`` is True for what is no customer's and lists hide: the provider's own stack (``core up``), and scratch stacks in which a
    backup is proven. ``last_backup`` and ``last_proof`` are the times of the newest set and of the last successful ``backup verify``.
    ``settings`` are the ``--set`` values, given to every app service as environment. ``ports`` and ``subnets`` are filled by the store
    when it reads; saving ignores them.
    """

    name: str
    display_name: str
    edition: str
    release: str
    profile: str
    host: str
    status: str
    hostname: str | None
    public_port: int
    address: str  # the host's public address, as it is printed in the URL
    created_at: datetime
    updated_at: datetime
    data_generation: int = 1
    app_generation: int = 1
    port_policy: str = "auto"  # auto | canonical | block
    images: str = "registry"  # registry | local
    health: str = "unknown"  # healthy | unhealthy | unknown
    checked_at: datetime | None = None
    last_backup: datetime | None = None
    platform: bool = False
    settings: Mapping[str, str] = field(default_factory=dict)
    last_proof: datetime | None = None
    certificate: Certificate | None = None
    ports: tuple[Allocation, ...] = ()
    subnets: tuple[Subnet, ...] = ()

    @property
    def url(self) -> str:
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"http://{host}:{self.public_port}"

    def at(self, layers: Sequence[Sequence[Any]], changes: Mapping[str, Any] | None = None) -> Tenant:
        """The tenant as it will be with these layers, ``[[layer, generation], …]``, and other plain fields of its record."""
        generations = {f"{layer}_generation": generation for layer, generation in layers}
        return replace(self, **generations, **(changes or {}))

    def layer(self, layer: str) -> LayerReference:
        """The current generation of that layer."""
        return LayerReference(self.name, layer, self.data_generation if layer == "data" else self.app_generation)
