"""The plan by which a tenant whose host is gone comes back on another, from a backup. Nothing is asked of the old host, nor done to it:
what lies there is written down as left, for when it comes back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from looma_cli.errors import NotAllowed
from looma_cli.model.backup import BackupManifest
from looma_cli.model.codec import encode
from looma_cli.model.edition import Edition
from looma_cli.model.move import EVACUATE
from looma_cli.model.operation import Plan, PlannedStep
from looma_cli.model.tenant import Allocation, LayerReference, Tenant
from looma_cli.plan.backups import restore_steps, stores_of
from looma_cli.plan.create import EDGE, EVERYWHERE, components_of, image_references, reserve_edge
from looma_cli.plan.move import Arrival, free_public_port
from looma_cli.plan.observation import Limits
from looma_cli.plan.replacing import Layers, change_over, new_holdings, next_generations
from looma_cli.plan.restore import chosen_stores
from looma_cli.plan.switch import taken_ports
from looma_cli.steps.datastores import AwaitStores
from looma_cli.steps.generations import KeepLayers, ReleasePlace, ReserveGeneration, ReservePlace
from looma_cli.steps.layers import CreateLayer, PullImages, RenderStack, StartLayer
from looma_cli.steps.routes import ApplyRoute, CheckRoute, EnsureEdge
from looma_cli.steps.tenants import SetStatus
from looma_cli.steps.waiting import AwaitHealthy


def plan_evacuate(
    tenant: Tenant,
    manifest: BackupManifest,
    edition: Edition,
    arrival: Arrival,
    limits: Limits,
    *,
    keep_seconds: float,
    behind: Mapping[str, Sequence[LayerReference]],
    left: Sequence[LayerReference],
    registry: str,
    edge_image: str,
    support_images: Sequence[str],
) -> Plan:
    """``behind`` are the tenant's layers by host: on the one that is gone, and what an operation had begun elsewhere; ``left`` are further
    ones whose numbers are taken.

    Raises NotAllowed for a backup of another edition or a partial one, and for a tenant that is being made or deleted; NoFreePorts,
    NoFreeSubnet.
    """
    if tenant.status in ("created", "deleting") or tenant.platform:
        raise NotAllowed(f"tenant {tenant.name} is {tenant.status}: there is nothing to bring back", f"looma tenant show {tenant.name}")
    name, host, seen = tenant.name, arrival.seen.host.name, arrival.seen
    stores = chosen_stores(manifest, tenant, edition, ())
    components = components_of(edition, tenant.profile)
    data, app = next_generations(tenant, [*left, *(one for layers in behind.values() for one in layers)])
    layers: Layers = [["data", data], ["app", app]]
    there = tenant.at(layers, {"host": host, "address": seen.host.address})
    rows, subnets = new_holdings(there, layers, components, seen, arrival.held, limits)
    taken = taken_ports(arrival.held, seen, rows)
    port = free_public_port(tenant.public_port, arrival.own, taken, limits)
    changes = {"host": host, "address": seen.host.address, "public_port": port}
    after = tenant.at(layers, changes)
    mine = [] if port in arrival.own else [Allocation(host, EVERYWHERE, port, "tcp", name, EDGE, app, EDGE, port, False, "bound")]
    size = (arrival.reserved.memory_bytes, arrival.reserved.disk_bytes, arrival.reserved.sequence)
    mode = "suspended" if tenant.status == "suspended" else "serving"
    references = [*image_references(after, components, edition, registry), *support_images]
    steps: list[PlannedStep] = [
        ReserveGeneration(name, [*layers, [EDGE, app]], encode([*rows, *mine]), encode(subnets)).planned("its place on the new host"),
        ReservePlace(name, host, *size).planned("nobody else takes it"),
        *reserve_edge(name, host, arrival.held, taken | {("tcp", port)}, limits),
        SetStatus(name, "switching", tenant.status).planned("its host is gone"),
        EnsureEdge(name, host, edge_image, new=True).planned("it is to be reached there"),
        RenderStack(name, layers, True, seen.start_interval, changes=changes).planned("the layers for the new host"),
        PullImages(name, host, references, tenant.images == "local").planned("the stack's images"),
        StartLayer(name, "data", data, host, "absent").planned("fresh datastores"),
        CreateLayer(name, "app", app, host).planned("while the datastores start"),
        AwaitStores(name, data, host, stores_of(tenant, edition)).planned("before they are given data"),
        *restore_steps(name, data, host, [(store, manifest.backup) for store in stores]),
        AwaitHealthy(name, "data", host, data, changes).planned("services need their datastores"),
        StartLayer(name, "app", app, host, "absent", created=True).planned("on the restored data"),
        AwaitHealthy(name, "app", host, app, changes).planned("no route before health"),
        ApplyRoute(name, host, mode, True, layers, changes).planned("the new layers are proven"),
    ]
    status = "suspended" if mode == "suspended" else "running"
    previous = {"host": tenant.host, "address": tenant.address, "public_port": tenant.public_port, "status": "switching"}
    steps.append(change_over(tenant, data, app, {**changes, "status": status}, previous))
    pivot = len(steps) - 1
    record = {"host": tenant.host, "address": tenant.address, "public_port": tenant.public_port}
    steps += [
        *(_kept(name, place, layers, keep_seconds, record) for place, layers in behind.items()),
        *(ReleasePlace(name, place).planned("nobody is there") for place in behind if place != host),
        *([CheckRoute(name, host, port).planned("seen from outside")] if mode == "serving" else []),
    ]
    backup = manifest.backup
    lines = [f"~ {name}: {tenant.host} -> {host}, from backup {backup.id} of {backup.created_at:%Y-%m-%d %H:%M} UTC"]
    lines += [f"~ url {tenant.url} -> {after.url}"]
    return Plan(EVACUATE, name, tuple(steps), pivot, tuple(lines), ("what was written after that backup is lost",))


def _kept(name: str, host: str, layers: Sequence[LayerReference], seconds: float, record: Mapping[str, Any]) -> PlannedStep:
    pairs = [[one.layer, one.generation] for one in layers]
    return KeepLayers(name, host, pairs, seconds, EVACUATE, record).planned(f"for when somebody looks at {host}")
