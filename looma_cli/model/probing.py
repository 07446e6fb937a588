"""Which probes a tenant's layer is asked, and the route that the edge gets: pure functions on nouns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from looma_cli.model.edition import Component, Edition
from looma_cli.model.health import ProbeTarget
from looma_cli.model.protocols import HostAccess
from looma_cli.model.route import Route, Upstream
from looma_cli.model.tenant import Allocation, Tenant


def published(tenant: Tenant, component: Component, port_name: str) -> Allocation | None:
    """The current generation's allocation of a component's port, by the port's name; None when it is not published."""
    container_port = next(p.container_port for p in component.ports if p.name == port_name)
    generation = tenant.layer(component.layer).generation
    for row in tenant.ports:
        key = (row.component, row.container_port, row.layer, row.generation)
        if key == (component.name, container_port, component.layer, generation):
            return row
    return None


def probe_targets(tenant: Tenant, edition: Edition, layer: str | None = None) -> list[ProbeTarget]:
    """One target per component of the tenant's profile (of one layer, or of both), as its host sees it."""
    targets = []
    for component in edition.of_profile(tenant.profile):
        row = published(tenant, component, component.probe.port) if layer in (None, component.layer) else None
        if row is not None:
            targets.append(ProbeTarget(component.name, component.kind, component.probe, row.address, row.host_port))
    return targets


def from_here(targets: Sequence[ProbeTarget], access: HostAccess) -> list[ProbeTarget]:
    """The same targets of one host as they are reached from here, however many in one go."""
    ways = access.reach_all([(target.address, target.port) for target in targets])
    return [_moved(target, *ways[target.address, target.port]) for target in targets]


def _moved(target: ProbeTarget, address: str, port: int) -> ProbeTarget:
    return target if (address, port) == (target.address, target.port) else replace(target, address=address, port=port)


def route_of(tenant: Tenant, edition: Edition, mode: str, private_key: str | None = None) -> Route:
    """The tenant's route: ``/`` to the entry service, every other component that has one by its path prefix."""
    upstreams = []
    for component in edition.of_profile(tenant.profile):
        reached = component.path is not None or component.name == edition.entry
        row = published(tenant, component, component.ports[0].name) if reached else None
        if row is None:
            continue
        if component.name == edition.entry:
            upstreams.append(Upstream("/", component.name, row.address, row.host_port))
        if component.path and component.path != "/":
            upstreams.append(Upstream(component.path, component.name, row.address, row.host_port))
    certificate = tenant.certificate.chain if tenant.certificate else None
    return Route(tenant.name, tenant.public_port, tenant.hostname, tuple(upstreams), mode, certificate, private_key)


def mode_of(status: str) -> str:
    """The edge's mode for a tenant's status."""
    return {"suspended": "suspended", "stopped": "stopped", "created": "stopped"}.get(status, "serving")
