"""The plan of ``edition switch --rehearse``: a shadow of the tenant from a backup, the whole switch on it without a route, and its end.

Rule: the shadow is nobody's tenant. It is hidden from lists, has no public port and no route, and is of one operation from its first row in
the state to its last: whatever becomes of that, an undo or a resume of it leaves nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from looma_cli.errors import Conflict
from looma_cli.model.backup import BackupManifest
from looma_cli.model.codec import encode
from looma_cli.model.edition import Component, Edition
from looma_cli.model.operation import Operation, Plan, PlannedStep, measured
from looma_cli.model.switch import LeftBehind, Rehearsal, Room, StoreSeen, SwitchRequest
from looma_cli.model.tenant import Allocation, LayerReference, Subnet, Tenant
from looma_cli.plan.backups import restore_steps, stores_in
from looma_cli.plan.create import allocations_of, components_of, image_references
from looma_cli.plan.observation import Held, HostObservation, Limits
from looma_cli.plan.ports import choose_ports, wanted_ports
from looma_cli.plan.restore import available
from looma_cli.plan.subnets import choose_subnets
from looma_cli.plan.switch import SPARE_DISK_BYTES, plan_switch
from looma_cli.steps.backups import BackupStores
from looma_cli.steps.datastores import AwaitStores
from looma_cli.steps.following import NoteCutOver
from looma_cli.steps.generations import AdoptSecrets, ChangeGeneration, KeepLayers, ReserveGeneration, WriteOverride
from looma_cli.steps.layers import CreateLayer, PullImages, RemoveLayer, RenderStack, SettleFiles, StartLayer, StopLayer
from looma_cli.steps.measuring import MeasureLayers, RehearseMode, read_measures
from looma_cli.steps.migrating import LONGEST_SECONDS, Migrate
from looma_cli.steps.routes import ApplyRoute, AwaitWrites, CheckRoute, DrainEdge, EnsureEdge, PutBackRoute, SetRouteMode
from looma_cli.steps.tenants import ForgetTenant, ReserveEdgePorts, ReserveTenant, SetStatus
from looma_cli.steps.waiting import AwaitHealthy

KIND = "edition.rehearse"
FRESH = timedelta(hours=1)  # a set that is younger will do
BOTH = [["data", 1], ["app", 1]]
# of a tenant that is routed, or goes on afterwards
_LEFT_OUT = {
    one.name
    for one in (
        ReserveEdgePorts, SetStatus, EnsureEdge, PutBackRoute, AwaitWrites, ApplyRoute, CheckRoute, DrainEdge, KeepLayers, NoteCutOver,
        StopLayer, SettleFiles,
    )
}  # fmt: skip


def plan_rehearsal(
    request: SwitchRequest,
    tenant: Tenant,
    shadow: Tenant,
    manifest: BackupManifest,
    source: Edition,
    target: Edition,
    stores: Sequence[StoreSeen],
    room: Room,
    seen: HostObservation,
    held: Held,
    limits: Limits,
    *,
    sealed: Mapping[str, str],
    behind: Sequence[LeftBehind] = (),
    registry: str,
    edge_image: str,
    support_images: Sequence[str],
) -> Plan:
    """Raises as ``plan_switch``, and Conflict where the shadow itself finds no room."""
    components = components_of(source, shadow.profile)
    rows, subnets = _holdings(shadow, components, seen, held, limits)
    beside = replace(
        held,
        ports=held.ports | {(row.protocol, row.host_port) for row in rows},
        subnets=(*held.subnets, *(subnet.cidr for subnet in subnets)),
    )
    switch = plan_switch(
        replace(request, tenant=shadow.name, safety=False),
        replace(shadow, status=tenant.status, platform=False),
        source,
        target,
        [replace(store, rows=None) for store in stores],  # the loss was agreed to when the switch itself was planned
        _less(room, shadow, components),
        seen,
        beside,
        limits,
        safety=None,
        left=(),
        behind=behind,
        registry=registry,
        edge_image=edge_image,
        support_images=support_images,
    )
    references = [*image_references(shadow, components, source, registry), *support_images]
    begin = [
        ReserveTenant(encode(shadow), encode(rows), encode(subnets), []).planned("a stack that nobody else sees"),
        *_filled(shadow, manifest, source, components, sealed, references, seen),
    ]
    layers = next(step.params["layers"] for step in switch.steps if step.name == ReserveGeneration.name)
    rehearsed = [done for step in switch.steps for done in _without_route(step, shadow)]
    volumes = {one.name: list(one.volumes.values()) for one in components_of(target, shadow.profile) if one.volumes}
    measure = MeasureLayers(shadow.name, shadow.host, layers, volumes).planned("what the real one will take")
    steps = [*begin, *rehearsed, measure]
    pivot = len(steps)
    steps += _away(shadow, layers)
    changes = (f"~ {tenant.name}: {source.name} -> {target.name} rehearsed on {shadow.name}, a copy from {manifest.backup.id}",)
    return Plan(KIND, shadow.name, tuple(steps), pivot, (*changes, f"- {shadow.name}"))


def _holdings(
    shadow: Tenant, components: Sequence[Component], seen: HostObservation, held: Held, limits: Limits
) -> tuple[list[Allocation], list[Subnet]]:
    chosen = choose_ports(wanted_ports(components), held.ports | seen.listening, "block", limits.port_range)
    cidrs = choose_subnets(2, [*held.subnets, *seen.networks], limits.subnet_pool)
    references = [LayerReference(shadow.name, layer, 1) for layer, _ in BOTH]
    subnets = [Subnet(shadow.host, cidr, shadow.name, r.layer, 1, r.project) for r, cidr in zip(references, cidrs, strict=True)]
    return allocations_of(shadow, chosen), subnets


def refuse_no_shadow(tenant: Tenant, source: Edition, target: Edition, data: str, room: Room) -> None:
    """The shadow runs beside the tenant, and its new layers beside it. Raises Conflict saying by how much they do not fit."""
    profile, new = tenant.profile, ("app",) if data == "reuse" else ("data", "app")
    left = _less(room, tenant, components_of(source, profile))
    memory = sum(one.resources[profile].memory_bytes for one in components_of(target, profile) if one.layer in new) - left.memory_bytes
    disk = (room.data_bytes * 2 if "data" in new else 0) + SPARE_DISK_BYTES - left.disk_bytes
    missing = [f"{short >> 20} MiB of {what}" for what, short in (("memory", memory), ("disk", disk)) if short > 0]
    if missing:
        raise Conflict(
            f"{tenant.host} has no room for a shadow of {tenant.name} and the layers beside it: {', '.join(missing)} are missing",
            "stop another tenant meanwhile; the switch itself needs less: --dry-run says whether that fits",
        )


def _less(room: Room, tenant: Tenant, components: Sequence[Component]) -> Room:
    """What the shadow leaves for the layers beside it."""
    memory = sum(one.resources[tenant.profile].memory_bytes for one in components)
    return replace(room, memory_bytes=room.memory_bytes - memory, disk_bytes=room.disk_bytes - room.data_bytes * 2)


def _filled(
    shadow: Tenant,
    manifest: BackupManifest,
    source: Edition,
    components: Sequence[Component],
    sealed: Mapping[str, str],
    references: Sequence[str],
    seen: HostObservation,
) -> list[PlannedStep]:
    """The shadow up, with the backup's data."""
    name, host, override = shadow.name, shadow.host, manifest.files.get("override.yaml")
    stores = available(manifest, (), stores_in(components))
    secrets = sorted({secret for component in components for secret in component.secrets})
    return [
        AdoptSecrets(name, dict(sealed), secrets).planned("accounts come back with the data"),
        *([WriteOverride(name, override).planned("as the backup has it")] if override is not None else []),
        RenderStack(name, BOTH, True, seen.start_interval).planned("as the tenant is"),
        PullImages(name, host, sorted(set(references)), shadow.images == "local").planned("the stack's images"),
        StartLayer(name, "data", 1, host, "absent").planned("a fresh stack"),
        CreateLayer(name, "app", 1, host).planned("while the datastores start"),
        AwaitStores(name, 1, host, stores).planned("before they are given data"),
        *restore_steps(name, 1, host, [(store, manifest.backup) for store in stores]),
        AwaitHealthy(name, "data", host).planned("services need their datastores"),
        StartLayer(name, "app", 1, host, "absent", created=True).planned("on the restored data"),
        AwaitHealthy(name, "app", host).planned("as it serves before a switch"),
    ]


def _without_route(step: PlannedStep, shadow: Tenant) -> list[PlannedStep]:
    if step.name in _LEFT_OUT:
        return []
    if step.name == SetRouteMode.name:
        mode, previous = step.params["mode"], step.params["previous"]
        return [RehearseMode(shadow.name, shadow.host, mode, previous).planned(step.reason)]
    if step.name == Migrate.name:  # how long it takes is to be found out
        return [PlannedStep(step.name, {**step.params, "seconds": LONGEST_SECONDS, "frozen": False}, "brings the data to the release")]
    if step.name == ChangeGeneration.name:
        fields = {key: {**step.params[key], "status": shadow.status} for key in ("changes", "previous")}
        return [PlannedStep(step.name, {**step.params, **fields}, "as the route would move")]
    return [step]


def _away(shadow: Tenant, layers: Sequence[Sequence[Any]]) -> list[PlannedStep]:
    """All of it, the new layers first: theirs may still be on the network of the old."""
    order = sorted([*layers, *BOTH], key=lambda one: (-one[1], one[0]))
    return [
        *(RemoveLayer(shadow.name, layer, generation, shadow.host).planned("it has served its purpose") for layer, generation in order),
        SettleFiles(shadow.name, everything=True).planned("nothing is left behind"),
        ForgetTenant(shadow.name).planned("last, so that a resume finds everything"),
    ]


# --- what it came to --------------------------------------------------------------------------------------------------


def report(
    request: SwitchRequest, tenant: Tenant, manifest: BackupManifest, rehearsed: Operation, saved: Operation | None, warnings: Sequence[str]
) -> Rehearsal:
    """What the journal of the rehearsal tells; ``saved`` is the operation that made the set, whose time a safety backup will take too."""
    times = {record.name: record.started_at for record in rehearsed.steps if record.started_at is not None}
    took = times[MeasureLayers.name] - times[ReserveGeneration.name]
    duration = round(took.total_seconds() * 1000) + (_saving_ms(saved) if request.safety else 0)
    taken = read_measures(next(record.detail for record in rehearsed.steps if record.name == MeasureLayers.name))
    unknown = [name for name in ("disk", "memory") if f"{name}_bytes" not in taken]
    more = [f"how much {' and '.join(unknown)} it takes is not known: the containers do not tell"] if unknown else []
    freeze = measured(rehearsed).get("write_freeze_ms", 0)
    if freeze:
        more.append("the edge's own part is not in the freeze: two changes of its mode, writes in flight, one reload")
    migrate = _migrating_ms(rehearsed)
    if freeze and migrate and migrate > request.freeze_seconds * 1000:
        allowed = f"--freeze-limit allows {request.freeze_seconds:g} s"
        more.append(f"migrate took {migrate / 1000:.1f} s and {allowed}: the switch would be put back")
    return Rehearsal(
        tenant.name,
        tenant.edition,
        request.edition,
        rehearsed.id,
        manifest.backup.id,
        freeze,
        duration,
        taken.get("disk_bytes"),
        taken.get("memory_bytes"),
        sum(store.fingerprint.rows for store in manifest.backup.datastores),
        migrate,
        (*warnings, *more),
    )


def _migrating_ms(rehearsed: Operation) -> int | None:
    """The longest one: each has the whole limit."""
    times = [record.duration_ms or 0 for record in rehearsed.steps if record.name == Migrate.name]
    return max(times, default=None)


def _saving_ms(saved: Operation | None) -> int:
    return sum(record.duration_ms or 0 for record in saved.steps if record.name == BackupStores.name) if saved else 0
