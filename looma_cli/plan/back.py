"""The plan of ``edition rollback``: the layers that a switch has left serve again.

Rule: they are started beside those that serve, proven, and routed; what was written since the cut-over stays in the layers that are left
then, which are kept in turn. After the keep time the way back is a switch like any other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from looma_cli.errors import NotAllowed
from looma_cli.model.edition import Edition
from looma_cli.model.operation import Plan, PlannedStep
from looma_cli.model.switch import Room
from looma_cli.model.tenant import KeptLayer, LayerReference, Tenant
from looma_cli.plan.backups import stores_in
from looma_cli.plan.create import components_of, image_references
from looma_cli.plan.lifecycle import require
from looma_cli.plan.observation import HostObservation
from looma_cli.plan.replacing import Layers, change_over, drained, keep, stopped, thaw
from looma_cli.plan.switch import KIND as SWITCH
from looma_cli.plan.switch import refuse_no_room
from looma_cli.steps.datastores import AwaitStores
from looma_cli.steps.following import NoteCutOver
from looma_cli.steps.generations import TakeBackLayers
from looma_cli.steps.layers import PullImages, RenderStack, StartLayer
from looma_cli.steps.routes import ApplyRoute, AwaitWrites, EnsureEdge, PutBackRoute, SetRouteMode
from looma_cli.steps.tenants import SetStatus
from looma_cli.steps.waiting import AwaitHealthy

KIND = "edition.rollback"


@dataclass(frozen=True, slots=True)
class WayBack:
    """The layers that the tenant's last switch has left: ``data`` is None where the data layer is still its own."""

    edition: str
    release: str
    app: int
    data: int | None
    written: Mapping[str, int]  # of each datastore that took over: its counter of writes at the cut-over
    written_in: int | None = None  # generation of the data layer whose counters these are
    started: Mapping[str, str] = field(default_factory=dict)  # when each of those servers had started


def way_back(tenant: Tenant, layers: Sequence[KeptLayer]) -> WayBack:
    """Raises NotAllowed where nothing of an earlier edition is kept, or nothing on the tenant's host: it has moved since."""
    left = [one for one in layers if one.reason in (SWITCH, KIND) and one.record.get("edition") and one.host == tenant.host]
    apps = sorted((one for one in left if one.reference.layer == "app"), key=_left_at)
    if not apps:
        raise NotAllowed(
            f"nothing of an earlier edition of tenant {tenant.name} is kept any more",
            f"looma edition switch {tenant.name} EDITION moves it as at the first time, data included",
        )
    app = apps[-1]
    data = [one for one in left if one.reference.layer == "data" and _left_at(one) == _left_at(app)]
    record = {**app.record, **(data[-1].record if data else {})}
    generation = data[-1].reference.generation if data else None
    counters = (record.get("written", {}), record.get("written_in"), record.get("started", {}))
    return WayBack(record["edition"], record["release"], app.reference.generation, generation, *counters)


def _left_at(layer: KeptLayer) -> str:
    return str(layer.record.get("left_at", ""))


def plan_rollback(
    tenant: Tenant,
    back: WayBack,
    edition: Edition,
    room: Room,
    seen: HostObservation,
    *,
    keep_seconds: float,
    lost: Mapping[str, int | None],
    registry: str,
    edge_image: str,
    support_images: Sequence[str],
) -> Plan:
    """``lost`` says how often each datastore was written to since the cut-over, None where it does not tell. Raises NotAllowed (status),
    Conflict (no room)."""
    require(tenant, "running", "suspended", verb="a rollback")
    name, host = tenant.name, tenant.host
    changes = {"edition": back.edition, "release": back.release}
    layers: Layers = [*([["data", back.data]] if back.data is not None else []), ["app", back.app]]
    after = tenant.at(layers, changes)
    components = components_of(edition, tenant.profile)
    refuse_no_room(tenant, components, layers, Room(room.memory_bytes, room.disk_bytes))
    references = [*image_references(after, components, edition, registry), *support_images]
    mode = "suspended" if tenant.status == "suspended" else "serving"
    frozen = mode == "serving" and back.data is not None
    steps = [
        SetStatus(name, "switching", tenant.status).planned("rollback asked for"),
        EnsureEdge(name, host, edge_image).planned("every tenant is reached through it"),
        RenderStack(name, layers, False, seen.start_interval, changes=changes).planned("settings may have changed since"),
        PullImages(name, host, references, tenant.images == "local").planned("the stack's images"),
        *_started(tenant, back, edition, changes),
        *(_freeze(name, host) if frozen else []),
        PutBackRoute(name, host, mode).planned("for the way back"),
        ApplyRoute(name, host, "frozen" if frozen else mode, False, layers, changes).planned("the old layers are proven"),
        _change(tenant, back, changes),
    ]
    pivot = len(steps) - 1
    old: Layers = [["app", tenant.app_generation], *([["data", tenant.data_generation]] if back.data is not None else [])]
    record = {"edition": tenant.edition, "release": tenant.release}
    steps += [
        *(thaw(tenant, mode) if frozen else []),
        TakeBackLayers(name, layers).planned("they are the tenant's own again"),
        keep(tenant, old, keep_seconds, KIND, record),
        *_noted(tenant, back, edition),
        *drained(tenant, mode),
        *stopped(tenant, old),
    ]
    lines = [f"~ {name}: {tenant.edition} {tenant.release} -> {back.edition} {back.release}"]
    lines += [f"~ {LayerReference(name, layer, generation).project} serves again" for layer, generation in layers]
    return Plan(KIND, name, tuple(steps), pivot, tuple(lines), tuple(loss_lines(lost)))


def loss_lines(lost: Mapping[str, int | None]) -> list[str]:
    """What was written since the cut-over and will not be there."""
    said = {store: "what was written" if count is None else f"about {count:,} writes" for store, count in lost.items() if count != 0}
    return [f"{store}: {what} since the cut-over will not be there" for store, what in said.items()]


def _started(tenant: Tenant, back: WayBack, edition: Edition, changes: Mapping[str, Any]) -> list[PlannedStep]:
    name, host = tenant.name, tenant.host
    stores = stores_in(edition.of_profile(tenant.profile))
    data = [] if back.data is None else [
        StartLayer(name, "data", back.data, host, "stopped").planned("its datastores as they were left"),
        AwaitStores(name, back.data, host, stores, edition=edition.name).planned("services need their datastores"),
    ]  # fmt: skip
    return [
        *data,
        StartLayer(name, "app", back.app, host, "stopped").planned("on the data of then"),
        AwaitHealthy(name, "app", host, back.app, changes).planned("no route before health"),
    ]


def _noted(tenant: Tenant, back: WayBack, edition: Edition) -> list[PlannedStep]:
    if back.data is None:
        return []
    stores = stores_in(edition.of_profile(tenant.profile))
    pair = (tenant.name, tenant.host, tenant.data_generation, tenant.edition, back.data, edition.name)
    return [NoteCutOver(*pair, stores).planned("what is written from here on can be counted")]


def _freeze(name: str, host: str) -> list[PlannedStep]:
    return [
        SetRouteMode(name, host, "frozen", "serving").planned("nothing is written to what is left"),
        AwaitWrites(name, host).planned("what is under way is answered"),
    ]


def _change(tenant: Tenant, back: WayBack, changes: Mapping[str, Any]) -> PlannedStep:
    previous = {"edition": tenant.edition, "release": tenant.release, "status": "switching"}
    data = tenant.data_generation if back.data is None else back.data
    return change_over(tenant, data, back.app, {**changes, "status": tenant.status}, previous)
