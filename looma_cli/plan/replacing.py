"""What every plan has that starts new layers beside those that serve, and moves the route to them: holdings, the change-over, the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from looma_cli.model.edition import Component, Edition
from looma_cli.model.operation import PlannedStep
from looma_cli.model.tenant import Allocation, LayerReference, Subnet, Tenant
from looma_cli.plan.create import allocations_of
from looma_cli.plan.observation import Held, HostObservation, Limits
from looma_cli.plan.ports import choose_ports, wanted_ports
from looma_cli.plan.subnets import choose_subnets
from looma_cli.steps.generations import ChangeGeneration, KeepLayers
from looma_cli.steps.layers import SettleFiles, StopLayer
from looma_cli.steps.migrating import LONGEST_SECONDS, Migrate
from looma_cli.steps.routes import CheckRoute, DrainEdge, SetRouteMode

Layers = list[list[Any]]


def next_generations(tenant: Tenant, kept: Sequence[LayerReference]) -> tuple[int, int]:
    """Numbers for a new data and a new app layer that no layer of the tenant has, kept ones included."""

    def after(layer: str, current: int) -> int:
        return max([current, *(one.generation for one in kept if one.layer == layer)]) + 1

    return after("data", tenant.data_generation), after("app", tenant.app_generation)


def new_holdings(
    tenant: Tenant, layers: Layers, components: Sequence[Component], seen: HostObservation, held: Held, limits: Limits
) -> tuple[list[Allocation], list[Subnet]]:
    """Ports and subnets for the new ``layers`` of ``tenant``, who has them already: a block, since the documented numbers may be in
    use by the layers beside. Raises NoFreePorts, NoFreeSubnet."""
    names = [layer for layer, _ in layers]
    wanted = [one for one in wanted_ports(components) if one.layer in names]
    rows = allocations_of(tenant, choose_ports(wanted, held.ports | seen.listening, "block", limits.port_range))
    cidrs = choose_subnets(len(names), [*held.subnets, *seen.networks], limits.subnet_pool)
    references = [tenant.layer(layer) for layer in names]
    return rows, [
        Subnet(tenant.host, cidr, tenant.name, one.layer, one.generation, one.project) for one, cidr in zip(references, cidrs, strict=True)
    ]


def migrations(tenant: Tenant, edition: Edition, app: int, frozen_seconds: float | None = None) -> list[PlannedStep]:
    """One for each component of the profile that has a ``migrate``, in manifest order. ``frozen_seconds``: writers wait for it, and no
    longer than that."""
    frozen, reason = frozen_seconds is not None, "brings the data to the release"
    seconds = LONGEST_SECONDS if frozen_seconds is None else frozen_seconds
    if frozen:
        reason += f"; writers wait for it, {seconds:g} s at most"
    name, host = tenant.name, tenant.host
    steps = (Migrate(name, host, app, one.name, list(one.migrate), seconds, frozen) for one in migrating(tenant, edition))
    return [step.planned(reason) for step in steps]


def migrating(tenant: Tenant, edition: Edition) -> list[Component]:
    """Components of the tenant's profile that have a ``migrate``."""
    return [one for one in edition.of_profile(tenant.profile) if one.migrate and one.layer == "app"]


def change_over(
    tenant: Tenant, data: int, app: int, changes: Mapping[str, Any] | None = None, previous: Mapping[str, Any] | None = None
) -> PlannedStep:
    """The pivot."""
    change = ChangeGeneration(tenant.name, data, app, tenant.data_generation, tenant.app_generation, changes or {}, previous or {})
    return change.planned("from here on there is only forward")


def drained(tenant: Tenant, mode: str) -> list[PlannedStep]:
    """What still runs through the old layers ends."""
    name, host = tenant.name, tenant.host
    check = [CheckRoute(name, host, tenant.public_port).planned("seen from outside")] if mode == "serving" else []
    return [*check, DrainEdge(name, host).planned("requests in flight end")]


def thaw(tenant: Tenant, mode: str) -> list[PlannedStep]:
    """Writes again at once; those of a tenant that does not serve stay refused."""
    step = SetRouteMode(tenant.name, tenant.host, "serving", "frozen").planned("the new layers take writes")
    return [step] if mode == "serving" else []


def keep(tenant: Tenant, old: Layers, keep_seconds: float, reason: str, record: Mapping[str, Any]) -> PlannedStep:
    """The old layers wait for their time to be over."""
    return KeepLayers(tenant.name, tenant.host, old, keep_seconds, reason, dict(record)).planned("for the way back")


def stopped(tenant: Tenant, old: Layers) -> list[PlannedStep]:
    """The old layers end."""
    stops = [StopLayer(tenant.name, layer, generation, tenant.host).planned("nobody asks it any more") for layer, generation in old]
    return [*stops, SettleFiles(tenant.name).planned("the old files are not needed any more")]
