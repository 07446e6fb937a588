"""Another try after the engine refused a port or subnet that nothing had said was taken: what has to move, and where to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from ipaddress import ip_network

from looma_cli.errors import Conflict, PortTaken, SubnetTaken
from looma_cli.model.codec import encode
from looma_cli.model.edition import Component
from looma_cli.model.operation import PlannedStep
from looma_cli.model.tenant import Allocation, Subnet, Tenant
from looma_cli.plan.create import Held, allocations_of
from looma_cli.plan.observation import HostObservation, Limits
from looma_cli.plan.ports import choose_ports, wanted_ports
from looma_cli.plan.subnets import choose_subnets
from looma_cli.steps.tenants import MoveSubnets, Reallocate

Refused = Sequence[PortTaken | SubnetTaken]  # by the earlier attempts of the same command, oldest first
AT_REST = ("created", "stopped")


def moves(
    tenant: Tenant, components: Sequence[Component], seen: HostObservation, held: Held, limits: Limits, refused: Refused
) -> list[PlannedStep]:
    """Steps that reserve other ports and subnets where the tenant's own were refused. Raises Conflict, NoFreePorts, NoFreeSubnet."""
    return [
        *moved_ports(tenant, components, seen, held, limits, refused),
        *_moved_subnets(tenant, seen, held, limits, refused),
    ]


def moved_ports(
    tenant: Tenant, components: Sequence[Component], seen: HostObservation, held: Held, limits: Limits, refused: Refused
) -> list[PlannedStep]:
    """All ports of the stack into one block, if one of them was refused: the edge's and the public port are not the stack's.

    Raises Conflict with the list of conflicts where the tenant wants the documented numbers only.
    """
    present = [row for row in tenant.ports if row.generation == tenant.layer(row.layer).generation]  # not those of kept layers
    own = {row.host_port for row in present}
    taken = [error for error in refused if isinstance(error, PortTaken) and error.details.get("port", None) in {None, *own}]
    if not taken:
        return []
    if tenant.port_policy == "canonical":
        raise _conflict(tenant, seen, taken)
    state = "reserved" if tenant.status in AT_REST else "bound"
    chosen = choose_ports(wanted_ports(components), held.ports | seen.listening, "block", limits.port_range)
    rows = [replace(row, state=state) for row in allocations_of(tenant, chosen)]
    return [Reallocate(tenant.name, encode(present), encode(rows)).planned("the engine says that a port is taken")]


def _conflict(tenant: Tenant, seen: HostObservation, taken: Sequence[PortTaken]) -> Conflict:
    """Lists what was refused, and while nothing of the tenant runs all else of its ports on which somebody listens."""
    numbers = {error.details.get("port") for error in taken}
    sockets = seen.sockets if tenant.status in AT_REST else frozenset()
    rows = [row for row in tenant.ports if row.host_port in numbers or (row.protocol, row.host_port) in sockets]
    if not rows:
        return taken[-1]
    listed = ", ".join(f"{row.host_port} ({row.component})" for row in rows)
    verb = "start" if tenant.status in AT_REST else "restart"
    return Conflict(
        f"{len(rows)} documented ports of {tenant.name} are taken: {listed}",
        f"it was created with --ports canonical: free them, then: looma tenant {verb} {tenant.name}",
        ports=[row.host_port for row in rows],
    )


def _moved_subnets(tenant: Tenant, seen: HostObservation, held: Held, limits: Limits, refused: Refused) -> list[PlannedStep]:
    """Only of a tenant at rest: where something of it runs, its networks are there, and so are theirs."""
    cidrs = {error.details.get("cidr") for error in refused if isinstance(error, SubnetTaken)}
    if not cidrs or tenant.status not in AT_REST:
        return []
    present = [subnet for subnet in tenant.subnets if subnet.generation == tenant.layer(subnet.layer).generation]
    lost = [subnet for subnet in present if {None, subnet.cidr} & cidrs or _overlapped(subnet.cidr, seen.networks)]
    if not lost:
        return []
    chosen = choose_subnets(len(lost), [*held.subnets, *seen.networks], limits.subnet_pool)
    rows: list[Subnet] = [replace(subnet, cidr=cidr) for subnet, cidr in zip(lost, chosen, strict=True)]
    return [MoveSubnets(tenant.name, encode(rows)).planned("the engine says that a subnet is taken")]


def _overlapped(cidr: str, networks: Sequence[str]) -> bool:
    """By a network that cannot be the tenant's own."""
    own = ip_network(cidr)
    others = (ip_network(other) for other in networks if other != cidr and ":" not in other)
    return any(other.overlaps(own) for other in others)


def added_ports(tenant: Tenant, components: Sequence[Component], seen: HostObservation, held: Held, limits: Limits) -> list[Allocation]:
    """Allocations of components that the tenant gets in addition. Raises Conflict, NoFreePorts."""
    state = "reserved" if tenant.status in AT_REST else "bound"
    chosen = choose_ports(wanted_ports(components), held.ports | seen.listening, tenant.port_policy, limits.port_range)
    return [replace(row, state=state) for row in allocations_of(tenant, chosen)]
