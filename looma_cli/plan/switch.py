"""The plan of ``edition switch``: the target's layers beside those that serve, the data brought over, the route moved.

Rule: the contract's "Edition switch". Before the pivot a failure removes what is new, and the old layers serve on untouched; after it there
is only forward. What is frozen is as short as it can be: everything that grows with the data is done before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from looma_cli.errors import Conflict, NotAllowed
from looma_cli.model.codec import encode
from looma_cli.model.edition import Component, Edition
from looma_cli.model.operation import Plan, PlannedStep
from looma_cli.model.switch import LeftBehind, Room, StoreSeen, SwitchRequest
from looma_cli.model.tenant import LayerReference, Tenant
from looma_cli.plan.backups import NewBackup, restore_steps, save_steps, stores_in
from looma_cli.plan.create import Held, components_of, image_references, reserve_edge, resolve_release
from looma_cli.plan.lifecycle import require
from looma_cli.plan.losses import foretold, losses, refuse_loss, refuse_nothing_left, shared_stores
from looma_cli.plan.observation import HostObservation, Limits
from looma_cli.plan.replacing import (
    Layers,
    change_over,
    drained,
    keep,
    migrating,
    migrations,
    new_holdings,
    next_generations,
    stopped,
    thaw,
)
from looma_cli.steps.datastores import AwaitStores
from looma_cli.steps.following import (
    AwaitFollowers,
    CompareFollowers,
    CopyStore,
    DismissFollowers,
    FollowStore,
    NoteCutOver,
    PromoteFollowers,
)
from looma_cli.steps.generations import EnsureSecrets, ReserveGeneration
from looma_cli.steps.layers import CreateLayer, PullImages, RenderStack, StartLayer
from looma_cli.steps.routes import ApplyRoute, AwaitWrites, EnsureEdge, PutBackRoute, SetRouteMode
from looma_cli.steps.tenants import SetStatus
from looma_cli.steps.waiting import AwaitHealthy

KIND = "edition.switch"
EARLY_SECONDS = 60.0  # the services may need writes to become healthy, which their datastores refuse until the freeze
FROZEN_SECONDS = 20.0  # the longest that writers wait for the services in the freeze
SPARE_DISK_BYTES = 1 << 30


def plan_switch(
    request: SwitchRequest,
    tenant: Tenant,
    source: Edition,
    target: Edition,
    stores: Sequence[StoreSeen],
    room: Room,
    seen: HostObservation,
    held: Held,
    limits: Limits,
    *,
    safety: NewBackup | None,
    left: Sequence[LayerReference],
    behind: Sequence[LeftBehind] = (),
    registry: str,
    edge_image: str,
    support_images: Sequence[str],
) -> Plan:
    """Raises NotAllowed (status, same edition, data that would be left behind), Conflict (no room), NotFound (release), NoFreePorts.

    ``left`` are layers whose generation numbers are taken; ``behind`` is what backups have for datastores that the tenant has not now.
    """
    require(tenant, "running", "suspended", verb="a switch")
    release = _release(request, tenant, target)
    components = components_of(target, tenant.profile)
    lost = losses(source, target, tenant, stores)
    refuse_loss(request, tenant, lost)
    refuse_nothing_left(request, tenant, behind)
    changes = {"edition": target.name, "release": release}
    data, app = next_generations(tenant, left)
    after = tenant.at([], changes)
    layers: Layers = [["app", app]] if request.data == "reuse" else [["data", data], ["app", app]]
    refuse_no_room(tenant, components, layers, room)
    rows, subnets = new_holdings(after.at(layers), layers, components, seen, held, limits)
    references = [*image_references(after, components, target, registry), *support_images]
    secrets = sorted({secret for component in components for secret in component.secrets})
    begin = [
        ReserveGeneration(tenant.name, layers, encode(rows), encode(subnets)).planned("new layers beside the old"),
        *reserve_edge(tenant.name, tenant.host, held, taken_ports(held, seen, rows), limits, keep=True),
        EnsureSecrets(tenant.name, secrets).planned("accounts of what the target has more"),
        SetStatus(tenant.name, "switching", tenant.status).planned("switch asked for"),
        EnsureEdge(tenant.name, tenant.host, edge_image).planned("every tenant is reached through it"),
        *(save_steps(tenant, safety, keep=True) if safety else []),
        RenderStack(tenant.name, layers, True, seen.start_interval, changes=changes).planned("the target's layers"),
        PullImages(tenant.name, tenant.host, references, tenant.images == "local").planned("the stack's images"),
    ]
    move = _reuse if request.data == "reuse" else partial(_clone, request=request, behind=behind)
    steps = [*begin, *move(tenant, source, target, after.at(layers), layers, changes, stores)]
    previous = {"edition": tenant.edition, "release": tenant.release, "status": "switching"}
    now = {**changes, "status": tenant.status}
    data_after = data if request.data == "clone" else tenant.data_generation
    steps.append(change_over(tenant, data_after, app, now, previous))
    pivot = len(steps) - 1
    steps += _end(request, tenant, source, target, stores, data)
    changed = tuple(_changes(request, tenant, after, layers, lost, behind))
    return Plan(KIND, tenant.name, tuple(steps), pivot, changed, _warnings(request, tenant, target, safety, behind))


def taken_ports(held: Held, seen: HostObservation, rows: Sequence[Any]) -> frozenset[tuple[str, int]]:
    """What the edge's own ports must not be: the new layers' among it."""
    return held.ports | seen.listening | {(row.protocol, row.host_port) for row in rows}


def _release(request: SwitchRequest, tenant: Tenant, target: Edition) -> str:
    """Raises NotAllowed for what the tenant is already, and for the provider's own stack."""
    if tenant.edition == target.name:
        raise NotAllowed(
            f"tenant {tenant.name} is {target.name} already", f"looma tenant upgrade {tenant.name} --release R changes its release"
        )
    if tenant.platform or target.kind != "edition":
        raise NotAllowed("LoomaCRM's own stack is no edition that a tenant could switch to or from", "looma edition list")
    return resolve_release(target, request.release)


# --- room -------------------------------------------------------------------------------------------------------------


def refuse_no_room(tenant: Tenant, components: Sequence[Component], layers: Layers, room: Room) -> None:
    """Old and new layers run side by side. Raises Conflict saying by how much they do not fit."""
    names = [layer for layer, _ in layers]
    memory = sum(one.resources[tenant.profile].memory_bytes for one in components if one.layer in names)
    if memory > room.memory_bytes:
        raise Conflict(
            f"{tenant.host} has {room.memory_bytes >> 20} MiB of memory left, the new layers may take {memory >> 20} MiB: "
            f"{(memory - room.memory_bytes) >> 20} MiB are missing",
            "stop another tenant, or --data reuse, which starts the services alone",
        )
    disk = room.data_bytes * 2 + SPARE_DISK_BYTES if "data" in names else 0
    if disk > room.disk_bytes:
        raise Conflict(
            f"{tenant.host} has {room.disk_bytes >> 20} MiB of disk left, the new layers need {disk >> 20} MiB: "
            f"{(disk - room.disk_bytes) >> 20} MiB are missing",
            "make room, or --data reuse, which copies no data",
        )


# --- the two ways -----------------------------------------------------------------------------------------------------


def _clone(
    tenant: Tenant,
    source: Edition,
    target: Edition,
    after: Tenant,
    layers: Layers,
    changes: Mapping[str, Any],
    stores: Sequence[StoreSeen],
    request: SwitchRequest,
    behind: Sequence[LeftBehind],
) -> list[PlannedStep]:
    name, host, data, app = tenant.name, tenant.host, after.data_generation, after.app_generation
    following, copied = _divided(source, target, tenant, stores)
    pair = (name, host, tenant.data_generation, source.name, data, target.name)
    brought = [(one.store, one.backup) for one in behind] if request.restore_left else []
    every = stores_in(target.of_profile(tenant.profile))
    mode = "suspended" if tenant.status == "suspended" else "serving"
    freeze = [
        SetRouteMode(name, host, "frozen", "serving").planned("what is written from here on would be lost"),
        AwaitWrites(name, host).planned("what is acknowledged is taken along"),
    ]
    return [
        StartLayer(name, "data", data, host, "absent").planned("fresh datastores beside the old"),
        CreateLayer(name, "app", app, host).planned("while the datastores start"),
        AwaitStores(name, data, host, every, edition=target.name).planned("before they are given data"),
        *restore_steps(name, data, host, brought, target.name),
        *(FollowStore(*pair, store).planned("while the old one serves") for store in following),
        StartLayer(name, "app", app, host, "absent", created=True).planned("on datastores that follow"),
        *_early(name, host, app, changes),
        *([CompareFollowers(*pair, following).planned("nothing is taken for granted")] if following else []),
        *(freeze if mode == "serving" else []),
        *(CopyStore(*pair, store).planned("its kind cannot follow") for store in copied),
        *([AwaitFollowers(*pair, following).planned("to the last write")] if following else []),
        *([PromoteFollowers(*pair, following).planned("the new layer takes writes")] if following else []),
        *migrations(tenant, target, app, request.freeze_seconds),
        AwaitHealthy(name, "app", host, app, changes, FROZEN_SECONDS).planned("no route before health"),
        PutBackRoute(name, host, mode).planned("for the way back"),
        ApplyRoute(name, host, "frozen" if mode == "serving" else mode, False, layers, changes).planned("the new layers are proven"),
    ]


def _early(name: str, host: str, app: int, changes: Mapping[str, Any]) -> list[PlannedStep]:
    wait = AwaitHealthy(name, "app", host, app, changes, EARLY_SECONDS, tolerant=True)
    return [wait.planned("the freeze is not to wait for it")]


def _divided(source: Edition, target: Edition, tenant: Tenant, stores: Sequence[StoreSeen]) -> tuple[list[str], list[str]]:
    """Shared datastores that follow, and those that are copied: their kind cannot, or the target has another version."""
    able = {store.name for store in stores if store.follows}
    shared = shared_stores(source, target, tenant.profile)
    following = [name for name in shared if name in able and source.component(name).image == target.component(name).image]
    return following, [name for name in shared if name not in following]


def _reuse(
    tenant: Tenant,
    source: Edition,
    target: Edition,
    after: Tenant,
    layers: Layers,
    changes: Mapping[str, Any],
    stores: Sequence[StoreSeen],
) -> list[PlannedStep]:
    refuse_other_data_layer(tenant, source, target)
    return app_steps(tenant, target, after, layers, changes)


def refuse_other_data_layer(tenant: Tenant, source: Edition, target: Edition) -> None:
    """Raises NotAllowed where the target needs a data component that the source has not, or has otherwise."""
    before = {one.name: one for one in source.of_profile(tenant.profile) if one.layer == "data"}
    for one in target.of_profile(tenant.profile):
        if one.layer == "data" and (one.name not in before or before[one.name].image != one.image):
            raise NotAllowed(
                f"edition {target.name} needs {one.name}, which the data layer of {tenant.name} has not", "leave out --data reuse"
            )


def app_steps(tenant: Tenant, target: Edition, after: Tenant, layers: Layers, changes: Mapping[str, Any]) -> list[PlannedStep]:
    """A new app layer on the data layer that serves, up to the moved route: nothing is frozen. Its services may be started before their
    ``migrate`` is through: they become healthy then."""
    name, host, app = tenant.name, tenant.host, after.app_generation
    mode = "suspended" if tenant.status == "suspended" else "serving"
    return [
        StartLayer(name, "app", app, host, "absent").planned("beside the old"),
        *migrations(tenant, target, app),
        AwaitHealthy(name, "app", host, app, changes).planned("no route before health"),
        PutBackRoute(name, host, mode).planned("for the way back"),
        ApplyRoute(name, host, mode, False, layers, changes).planned("the new layer is proven"),
    ]


def _end(
    request: SwitchRequest, tenant: Tenant, source: Edition, target: Edition, stores: Sequence[StoreSeen], data: int
) -> list[PlannedStep]:
    mode = "suspended" if tenant.status == "suspended" else "serving"
    record = {"edition": tenant.edition, "release": tenant.release}
    old: Layers = [["app", tenant.app_generation]]
    if request.data == "reuse":
        return [keep(tenant, old, request.keep_seconds, KIND, record), *drained(tenant, mode), *stopped(tenant, old)]
    old.append(["data", tenant.data_generation])
    following, copied = _divided(source, target, tenant, stores)
    pair = (tenant.name, tenant.host, tenant.data_generation, source.name, data, target.name)
    note = [NoteCutOver(*pair, [*following, *copied]).planned("what is written from here on can be counted")]
    part = [DismissFollowers(*pair, following).planned("each is its own now")]
    away = keep(tenant, old, request.keep_seconds, KIND, record)
    return [*thaw(tenant, mode), away, *note, *drained(tenant, mode), *(part if following else []), *stopped(tenant, old)]


# --- what is said of it -----------------------------------------------------------------------------------------------


def _changes(
    request: SwitchRequest, tenant: Tenant, after: Tenant, layers: Layers, lost: Sequence[StoreSeen], behind: Sequence[LeftBehind]
) -> list[str]:
    lines = [f"~ {tenant.name}: {tenant.edition} {tenant.release} -> {after.edition} {after.release}"]
    lines += [f"+ {LayerReference(tenant.name, layer, generation).project}" for layer, generation in layers]
    if request.restore_left:
        lines += [f"+ {one.store}: {one.rows:,} from backup {one.backup.id}" for one in behind]
    return [*lines, *(f"- {store.name}: {store.rows:,} stay in the backup" for store in lost)]


def _warnings(
    request: SwitchRequest, tenant: Tenant, target: Edition, safety: NewBackup | None, behind: Sequence[LeftBehind]
) -> tuple[str, ...]:
    warnings = [] if request.restore_left else foretold(tenant.name, target.name, behind)
    if request.data == "clone" and tenant.status == "running":
        warnings.append("writes get 503 with Retry-After for some seconds, while the new datastores take over; reads go on")
        names = ", ".join(one.name for one in migrating(tenant, target))
        if names:
            warnings.append(f"if migrate of {names} takes longer than {request.freeze_seconds:g} s, all is put back (--freeze-limit)")
    if safety is None:
        warnings.append("no safety backup of the present is taken")
    return tuple(warnings)
