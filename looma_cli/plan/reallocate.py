"""Another try of a start whose ports or subnets turned out to be taken: the same plan on new ones."""

from __future__ import annotations

from dataclasses import replace

from looma_cli.model.codec import encode
from looma_cli.model.edition import Edition
from looma_cli.model.operation import Plan
from looma_cli.model.tenant import LayerReference, Subnet, Tenant
from looma_cli.plan.create import Held, allocations_of, components_of
from looma_cli.plan.observation import HostObservation, Limits
from looma_cli.plan.ports import choose_ports, wanted_ports
from looma_cli.plan.subnets import choose_subnets
from looma_cli.steps.tenants import Reallocate


def with_new_ports(plan: Plan, tenant: Tenant, edition: Edition, seen: HostObservation, held: Held, limits: Limits) -> Plan:
    """``plan`` with a reallocation in front. Subnets move only while nothing is deployed on them (status created)."""
    chosen = choose_ports(wanted_ports(components_of(edition, tenant.profile)), held.ports | seen.listening, "block", limits.port_range)
    ports = allocations_of(tenant, chosen)
    before, after = list(tenant.subnets), list(tenant.subnets)
    if tenant.status == "created":
        cidrs = choose_subnets(2, [*held.subnets, *seen.networks], limits.subnet_pool)
        references = [LayerReference(tenant.name, s.layer, s.generation) for s in tenant.subnets]
        after = [
            Subnet(tenant.host, cidr, tenant.name, r.layer, r.generation, r.project) for cidr, r in zip(cidrs, references, strict=True)
        ]
    step = Reallocate(tenant.name, encode(tenant.ports), encode(ports), encode(before), encode(after))
    steps = (step.planned("the engine says that a port or subnet is taken"), *plan.steps)
    return replace(plan, steps=steps, pivot=plan.pivot + 1)
