"""Plans for the rest of a tenant's life: start, stop, restart, suspend, resume, delete."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from looma_cli.errors import NotAllowed
from looma_cli.model.edition import Component, Edition
from looma_cli.model.operation import Plan, PlannedStep
from looma_cli.model.probing import mode_of
from looma_cli.model.tenant import Tenant
from looma_cli.plan.create import Held, components_of, image_references, reserve_edge, start_steps
from looma_cli.plan.observation import HostObservation, Limits
from looma_cli.plan.reallocate import Refused, moves
from looma_cli.steps.guards import PutBackStack
from looma_cli.steps.layers import PullImages, RenderStack, SettleFiles, StopLayer
from looma_cli.steps.routes import ApplyRoute, EnsureEdge, PutBackRoute, SetRouteMode
from looma_cli.steps.tenants import SetStatus


def require(tenant: Tenant, *statuses: str, verb: str) -> None:
    """Raises NotAllowed unless the tenant has one of the statuses."""
    if tenant.status not in statuses:
        raise NotAllowed(
            f"tenant {tenant.name} is {tenant.status}; {verb} needs it {' or '.join(statuses)}", f"looma tenant show {tenant.name}"
        )


def plan_start(
    tenant: Tenant,
    edition: Edition,
    seen: HostObservation,
    held: Held,
    limits: Limits,
    *,
    registry: str,
    edge_image: str,
    support_images: list[str],
    refused: Refused = (),
    first: Sequence[PlannedStep] = (),
    becomes: str = "running",
) -> Plan:
    """A created, stopped or failed tenant to its feet, from freshly rendered files; ``first`` are steps on the state before all others.

    What the engine ``refused`` before is replaced. ``becomes`` is running or suspended.
    """
    require(tenant, "created", "stopped", "failed", verb="start")
    before = "absent" if tenant.status == "created" else "stopped"  # an undo must not remove a failed tenant's volumes
    components = components_of(edition, tenant.profile)
    routed = tenant.status != "created"
    steps = [
        *first,
        *moves(tenant, components, seen, held, limits, refused),
        *([PutBackRoute(tenant.name, tenant.host).planned("for the way back")] if routed else []),
        SetStatus(tenant.name, "provisioning", tenant.status).planned("start asked for"),
        RenderStack(tenant.name, layers_of(tenant), False, seen.start_interval).planned("templates or settings may have changed"),
        *reserve_edge(tenant.name, tenant.host, held, held.ports | seen.listening, limits, keep=routed),
        pull_images(tenant, components, edition, registry, support_images),
        *start_steps(tenant, before, edge_image, new_route=not routed, mode=mode_of(becomes)),
        SetStatus(tenant.name, becomes, "provisioning").planned("everything answers"),
        SettleFiles(tenant.name).planned("the old files are not needed any more"),
    ]
    return Plan("tenant.start", tenant.name, tuple(steps), len(steps) - 2, (f"~ tenant {tenant.name}: {tenant.status} -> {becomes}",))


def layers_of(tenant: Tenant) -> list[list[Any]]:
    """The current generations, in the order in which they start."""
    return [["data", tenant.data_generation], ["app", tenant.app_generation]]


def pull_images(
    tenant: Tenant, components: Sequence[Component], edition: Edition, registry: str, support_images: Sequence[str]
) -> PlannedStep:
    """The step that has every image of the stack on the host."""
    references = [*image_references(tenant, components, edition, registry), *support_images]
    return PullImages(tenant.name, tenant.host, references, tenant.images == "local").planned("the stack's images")


def plan_stop(tenant: Tenant) -> Plan:
    """Answer 503, let requests end, stop both layers; the data stay."""
    require(tenant, "running", "failed", verb="stop")
    name, host = tenant.name, tenant.host
    steps = [
        SetRouteMode(name, host, "stopped", mode_of(tenant.status)).planned("nobody is to see errors of half a stack"),
        StopLayer(name, "app", tenant.app_generation, host).planned("services before their datastores"),
        StopLayer(name, "data", tenant.data_generation, host).planned("services have ended"),
        SetStatus(name, "stopped", tenant.status).planned("both layers are stopped"),
    ]
    return Plan("tenant.stop", name, tuple(steps), len(steps) - 1, (f"~ tenant {name}: {tenant.status} -> stopped",))


def plan_restart(
    tenant: Tenant,
    edition: Edition,
    seen: HostObservation,
    held: Held,
    limits: Limits,
    *,
    registry: str,
    edge_image: str,
    support_images: list[str],
    refused: Refused = (),
) -> Plan:
    """Stop and start as one operation. What can be known to fail comes before the stop; a failure after it brings back what ran."""
    require(tenant, "running", "failed", verb="restart")
    name, host = tenant.name, tenant.host
    components = components_of(edition, tenant.profile)
    steps = [
        pull_images(tenant, components, edition, registry, support_images),
        PutBackRoute(name, host).planned("for the way back"),
        PutBackStack(name, host, layers_of(tenant), tenant.status).planned("for the way back"),
        *moves(tenant, components, seen, held, limits, refused),
        RenderStack(name, layers_of(tenant), False, seen.start_interval).planned("templates or settings may have changed"),
        *reserve_edge(name, host, held, held.ports | seen.listening, limits, keep=True),
        SetRouteMode(name, host, "stopped", "stopped").planned("nobody is to see errors of half a stack"),
        StopLayer(name, "app", tenant.app_generation, host, guarded=True).planned("services before their datastores"),
        StopLayer(name, "data", tenant.data_generation, host, guarded=True).planned("services have ended"),
        SetStatus(name, "provisioning", tenant.status).planned("both layers are stopped"),
        *start_steps(tenant, "stopped", edge_image, new_route=False),
        SetStatus(name, "running", "provisioning").planned("everything answers"),
        SettleFiles(name).planned("the old files are not needed any more"),
    ]
    return Plan("tenant.restart", name, tuple(steps), len(steps) - 2, (f"~ tenant {name}: {tenant.status} -> stopped -> running",))


def plan_suspend(tenant: Tenant, edge_image: str) -> Plan:
    """503 at the edge at once; containers and data stay."""
    require(tenant, "running", verb="suspend")
    return _mode_change(tenant, edge_image, "tenant.suspend", "suspended", "suspended")


def plan_resume(tenant: Tenant, edge_image: str) -> Plan:
    """Serve again after a suspend."""
    require(tenant, "suspended", verb="resume")
    return _mode_change(tenant, edge_image, "tenant.resume", "running", "serving")


def _mode_change(tenant: Tenant, edge_image: str, kind: str, status: str, mode: str) -> Plan:
    steps = (
        EnsureEdge(tenant.name, tenant.host, edge_image).planned("it answers for the tenant"),
        SetRouteMode(tenant.name, tenant.host, mode, mode_of(tenant.status)).planned(f"{kind.split('.')[1]} asked for"),
        SetStatus(tenant.name, status, tenant.status).planned("the edge answers so"),
    )
    return Plan(kind, tenant.name, steps, 2, (f"~ tenant {tenant.name}: {tenant.status} -> {status}",))


def plan_route(tenant: Tenant, edge_image: str, seen: HostObservation, held: Held, limits: Limits) -> Plan:
    """Put back a running tenant's missing edge or route; nothing else of it is touched."""
    steps = (
        *reserve_edge(tenant.name, tenant.host, held, held.ports | seen.listening, limits, keep=True),
        EnsureEdge(tenant.name, tenant.host, edge_image).planned("every tenant is reached through it"),
        ApplyRoute(tenant.name, tenant.host, mode_of(tenant.status), False).planned("the route was missing"),
        SetStatus(tenant.name, tenant.status, tenant.status).planned("it is routed again"),
    )
    return Plan("tenant.start", tenant.name, steps, len(steps) - 1, (f"+ route {tenant.url}",))
