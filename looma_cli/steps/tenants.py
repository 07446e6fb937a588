"""Deeds on a tenant's record: reserve it, change it, forget it. All commit together with their mark."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from looma_cli.errors import NotFound
from looma_cli.model.codec import decode_tenant
from looma_cli.model.host import Reservation
from looma_cli.model.move import MOVE
from looma_cli.model.placing import footprint
from looma_cli.model.protocols import State
from looma_cli.model.tenant import Allocation, Subnet, Tenant
from looma_cli.model.world import World
from looma_cli.steps.base import StateStep, counted

Rows = list[Mapping[str, Any]]


@dataclass(frozen=True)
class ReserveTenant(StateStep):
    """The tenant's record with its ports, subnets, what it takes of the host's memory and disk (nothing is reserved for 0), and freshly
    generated, sealed secrets. ``sequence`` 0 is whichever comes next on that host; another must still be free there."""

    name = "reserve-tenant"
    tenant: Mapping[str, Any]
    allocations: list[Mapping[str, Any]]
    subnets: list[Mapping[str, Any]]
    secrets: list[str]
    memory_bytes: int = 0
    disk_bytes: int = 0
    sequence: int = 0

    def title(self) -> str:
        return f"Reserve {counted(self.allocations, 'port')} and {counted(self.subnets, 'subnet')}"

    def do(self, world: World, state: State) -> str:
        tenant = decode_tenant(self.tenant)
        state.add_tenant(tenant)
        state.add_allocations([Allocation(**row) for row in self.allocations])
        state.add_subnets([Subnet(**row) for row in self.subnets])
        if self.memory_bytes:
            state.reserve(Reservation(tenant.host, self.sequence, tenant.name, self.memory_bytes, self.disk_bytes))
        state.save_secrets(tenant.name, {name: world.vault.seal(world.vault.generate()) for name in self.secrets})
        return ""

    def undo(self, world: World, state: State) -> str:
        state.remove_tenant(self.tenant["name"])
        return ""


@dataclass(frozen=True)
class ReserveEdgePorts(StateStep):
    """The ports by which the host's edge routes hostnames, unless the edge has some already. Undo keeps them for other tenants, and
    (``keep``) for this one, which was routed before."""

    name = "reserve-edge-ports"
    tenant: str
    host: str
    http: int
    https: int
    keep: bool = False

    def title(self) -> str:
        return f"Reserve the edge's ports on {self.host}"

    def do(self, world: World, state: State) -> str:
        if not state.edge_ports(self.host):
            state.save_edge_ports(self.host, {"http": self.http, "https": self.https})
        return ""

    def undo(self, world: World, state: State) -> str:
        if not self.keep and not edge_users(state, self.host, but=self.tenant):
            state.save_edge_ports(self.host, {})
        return ""


@dataclass(frozen=True)
class SetStatus(StateStep):
    """Change a tenant's status; ``previous`` is what an undo brings back."""

    name = "set-status"
    tenant: str
    status: str
    previous: str

    def title(self) -> str:
        return f"Record that {self.tenant} is {self.status}"

    def do(self, world: World, state: State) -> str:
        set_status(world, state, self.tenant, self.status)
        return ""

    def undo(self, world: World, state: State) -> str:
        if state.has_tenant(self.tenant):
            set_status(world, state, self.tenant, self.previous)
        return ""


@dataclass(frozen=True)
class ChangeTenant(StateStep):
    """Change fields of a tenant's record; ``previous`` holds the old values. Missing ``secrets`` are generated, and stay on an undo."""

    name = "change-tenant"
    tenant: str
    changes: Mapping[str, Any]
    previous: Mapping[str, Any]
    secrets: list[str] = field(default_factory=list)

    def title(self) -> str:
        names = sorted(name for name in self.changes if name != "updated_at")
        return f"Record the change of {', '.join(names)}" if names else "Record the update"

    def do(self, world: World, state: State) -> str:
        state.save_tenant(changed(state.tenant(self.tenant), self.changes))
        resize(world, state, self.tenant, self.changes)
        known = state.secrets(self.tenant)
        fresh = {name: world.vault.seal(world.vault.generate()) for name in self.secrets if name not in known}
        if fresh:
            state.save_secrets(self.tenant, fresh)
        return ""

    def undo(self, world: World, state: State) -> str:
        state.save_tenant(changed(state.tenant(self.tenant), self.previous))
        resize(world, state, self.tenant, self.previous)
        return ""


@dataclass(frozen=True)
class Reallocate(StateStep):
    """Exchange ports of a tenant's layers, all at once; the public port stays."""

    name = "reallocate"
    tenant: str
    ports_before: Rows
    ports_after: Rows

    def title(self) -> str:
        return f"Reserve {len(self.ports_after)} ports"

    def do(self, world: World, state: State) -> str:
        self._exchange(state, self.ports_before, self.ports_after)
        return ""

    def undo(self, world: World, state: State) -> str:
        self._exchange(state, self.ports_after, self.ports_before)
        return ""

    def _exchange(self, state: State, ports_from: Rows, ports_to: Rows) -> None:
        for layer, generation in sorted({(row["layer"], row["generation"]) for row in [*ports_from, *ports_to]}):
            state.remove_allocations(self.tenant, layer, generation)
        state.add_allocations([Allocation(**row) for row in ports_to])


@dataclass(frozen=True)
class MoveSubnets(StateStep):
    """Give layers other subnets, whose networks the engine refuses to make on the ones they have.

    They stay moved on an undo: somebody else has the old ones, and a network may stand on a new one by then.
    """

    name = "move-subnets"
    tenant: str
    subnets: Rows

    def title(self) -> str:
        return f"Reserve {len(self.subnets)} other subnets"

    def do(self, world: World, state: State) -> str:
        for row in self.subnets:
            state.remove_subnets(self.tenant, row["layer"], row["generation"])
        state.add_subnets([Subnet(**row) for row in self.subnets])
        return ""

    def undo(self, world: World, state: State) -> str:
        return "kept: the old ones are taken"


@dataclass(frozen=True)
class ForgetTenant(StateStep):
    """Remove the record with everything it holds. There is no way back from here: only after the layers are gone."""

    name = "forget-tenant"
    tenant: str

    def title(self) -> str:
        return "Release ports, subnets and secrets"

    def do(self, world: World, state: State) -> str:
        state.remove_tenant(self.tenant)
        return ""


def set_status(world: World, state: State, name: str, status: str) -> None:
    """Record what a tenant is, with what follows for its health and its ports."""
    tenant = state.tenant(name)
    health = "unknown" if status in ("created", "stopped") else tenant.health
    state.save_tenant(replace(tenant, status=status, health=health, updated_at=world.clock.now()))
    port_state = "bound" if status in ("running", "suspended") else "reserved" if status in ("created", "stopped") else ""
    if port_state:
        state.set_allocation_state(tenant.name, "data", tenant.data_generation, port_state)
        state.set_allocation_state(tenant.name, "app", tenant.app_generation, port_state)


def changed(tenant: Tenant, changes: Mapping[str, Any]) -> Tenant:
    """The tenant with JSON-safe ``changes`` applied; a time or a certificate is read back into its noun."""
    from looma_cli.model.codec import encode

    return decode_tenant({**encode(tenant), **changes})


def resize(world: World, state: State, name: str, changes: Mapping[str, Any]) -> None:
    """Another edition or profile takes another part of the host: what the tenant has reserved follows its record."""
    if not {"edition", "profile"} & set(changes):
        return
    tenant = state.tenant(name)
    try:
        need = footprint(world.catalog.edition(tenant.edition), tenant.profile)
    except NotFound:  # its manifest was taken away: it stays as large as it was
        return
    state.resize_reservation(name, tenant.host, need.memory_bytes, need.disk_bytes)


def edge_users(state: State, host: str, *, but: str) -> list[str]:
    """Names of the host's other tenants that the edge may be routing, or passing on to where they have moved; a scratch stack has no
    public port."""
    everyone = [*state.tenants(), *state.tenants(platform=True)]
    routed = [tenant.name for tenant in everyone if _may_be_routed(tenant, host)]
    moved = [kept.reference.tenant for kept in state.kept_layers() if (kept.host, kept.reason) == (host, MOVE)]
    return [name for name in dict.fromkeys([*routed, *moved]) if name != but]


def _may_be_routed(tenant: Tenant, host: str) -> bool:
    return tenant.host == host and tenant.status != "created" and tenant.public_port > 0
