"""The plan of ``tenant move``: new layers on another host, the data brought over while the old ones serve, then the route moved.

Rule: a move is the switch with the same edition and another host. Before the pivot a failure removes what is new, and the old layers serve
on untouched; after it the tenant is on its new host, and what still comes to the old one is passed on until the old layers' time is over.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from looma_cli.errors import Conflict, NotAllowed, PortTaken
from looma_cli.model.codec import encode
from looma_cli.model.edition import Component, Edition
from looma_cli.model.host import Reservation
from looma_cli.model.move import MOVE, MoveRequest
from looma_cli.model.operation import Plan, PlannedStep
from looma_cli.model.switch import Room, StoreSeen
from looma_cli.model.tenant import Allocation, LayerReference, Tenant
from looma_cli.plan.backups import NewBackup, save_steps, stores_in
from looma_cli.plan.create import EDGE, EVERYWHERE, Held, components_of, image_references, reserve_edge
from looma_cli.plan.lifecycle import require
from looma_cli.plan.observation import HostObservation, Limits
from looma_cli.plan.ports import free_port
from looma_cli.plan.replacing import Layers, change_over, keep, new_holdings, next_generations, stopped
from looma_cli.plan.switch import EARLY_SECONDS, FROZEN_SECONDS, refuse_no_room, taken_ports
from looma_cli.steps.datastores import AwaitStores
from looma_cli.steps.following import (
    AwaitFollowers,
    CompareFollowers,
    CopyStore,
    DismissFollowers,
    FollowStore,
    PromoteFollowers,
)
from looma_cli.steps.forwarding import CheckForward, ForwardRoute, PutBackForward
from looma_cli.steps.generations import ReleasePlace, ReserveGeneration, ReservePlace
from looma_cli.steps.layers import CreateLayer, PullImages, RenderStack, StartLayer
from looma_cli.steps.routes import ApplyRoute, AwaitWrites, CheckRoute, DrainEdge, EnsureEdge, PutBackRoute, SetRouteMode
from looma_cli.steps.tenants import SetStatus
from looma_cli.steps.waiting import AwaitHealthy


@dataclass(frozen=True, slots=True)
class Arrival:
    """The new host as it was seen. ``own`` are public ports that the tenant has there already: that host's edge passes on what comes to
    them, since the tenant was there before. ``reserved`` is what it takes of its memory and disk."""

    seen: HostObservation
    held: Held
    room: Room
    reserved: Reservation
    own: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class _Move:
    """What all parts of the plan are made from. ``after`` is the tenant as it will be, ``back`` whether its new host passes on to the
    old one."""

    request: MoveRequest
    tenant: Tenant
    after: Tenant
    layers: Layers
    changes: Mapping[str, Any]
    following: list[str]
    copied: list[str]
    back: bool

    @property
    def mode(self) -> str:
        return "suspended" if self.tenant.status == "suspended" else "serving"

    @property
    def frozen(self) -> str:
        return "frozen" if self.mode == "serving" else self.mode

    @property
    def pair(self) -> tuple[str, str, int, str, int, str]:
        tenant = self.tenant
        return (tenant.name, tenant.host, tenant.data_generation, tenant.edition, self.after.data_generation, tenant.edition)


def plan_move(
    request: MoveRequest,
    tenant: Tenant,
    edition: Edition,
    stores: Sequence[StoreSeen],
    arrival: Arrival,
    limits: Limits,
    *,
    safety: NewBackup | None,
    left: Sequence[LayerReference],
    registry: str,
    edge_image: str,
    support_images: Sequence[str],
) -> Plan:
    """Raises NotAllowed (status, the same host, the provider's own stack), Conflict (no room), PortTaken (the public port), NoFreePorts,
    NoFreeSubnet. ``left`` are layers, on either host, whose generation numbers are taken."""
    seen, host = arrival.seen, arrival.seen.host.name
    _refuse(host, tenant)
    components = components_of(edition, tenant.profile)
    data, app = next_generations(tenant, left)
    layers: Layers = [["data", data], ["app", app]]
    _refuse_no_room(tenant, host, components, layers, arrival.room)
    there = tenant.at(layers, {"host": host, "address": seen.host.address})
    rows, subnets = new_holdings(there, layers, components, seen, arrival.held, limits)
    taken = taken_ports(arrival.held, seen, rows)
    port = _public_port(request, tenant, arrival, taken, limits)
    changes = {"host": host, "address": seen.host.address, "public_port": port}
    after = tenant.at(layers, changes)
    back = port in arrival.own
    mine = [] if back else [Allocation(host, EVERYWHERE, port, "tcp", tenant.name, EDGE, app, EDGE, port, False, "bound")]
    followers = [store.name for store in stores if store.follows]
    move = _Move(request, tenant, after, layers, changes, followers, [s.name for s in stores if not s.follows], back)
    references = [*image_references(after, components, edition, registry), *support_images]
    place = ReserveGeneration(tenant.name, [*layers, [EDGE, app]], encode([*rows, *mine]), encode(subnets))
    size = (arrival.reserved.memory_bytes, arrival.reserved.disk_bytes, arrival.reserved.sequence)
    claim = ReservePlace(tenant.name, host, *size)
    steps = [
        place.planned("its place on the new host"),
        claim.planned("nobody else takes it"),
        *reserve_edge(tenant.name, host, arrival.held, taken | {("tcp", port)}, limits, keep=back),
        SetStatus(tenant.name, "switching", tenant.status).planned("move asked for"),
        EnsureEdge(tenant.name, host, edge_image, new=not back).planned("it is to be reached there"),
        *(save_steps(tenant, safety, keep=True) if safety else []),
        RenderStack(tenant.name, layers, True, seen.start_interval, changes=changes).planned("the layers for the new host"),
        PullImages(tenant.name, host, references, tenant.images == "local").planned("the stack's images"),
        *_brought(move, stores_in(components)),
        *_handed_over(move),
    ]
    previous = {"host": tenant.host, "address": tenant.address, "public_port": tenant.public_port, "status": "switching"}
    steps.append(change_over(tenant, data, app, {**changes, "status": tenant.status}, previous))
    pivot = len(steps) - 1
    steps += _left(move)
    return Plan(MOVE, tenant.name, tuple(steps), pivot, tuple(_changes(move)), tuple(_warnings(move, safety)))


# --- what is refused --------------------------------------------------------------------------------------------------


def _refuse(host: str, tenant: Tenant) -> None:
    if tenant.host == host:
        raise NotAllowed(f"tenant {tenant.name} is on {tenant.host} already", "looma host list shows the others")
    if tenant.platform:
        raise NotAllowed("LoomaCRM's own stack does not move", "looma core down, then looma core up on the other host")
    require(tenant, "running", "suspended", verb="a move")


def _refuse_no_room(tenant: Tenant, host: str, components: Sequence[Component], layers: Layers, room: Room) -> None:
    try:
        refuse_no_room(tenant.at([], {"host": host}), components, layers, room)
    except Conflict as error:
        raise Conflict(error.message, "looma host list shows what the others have") from error


def _public_port(
    request: MoveRequest, tenant: Tenant, arrival: Arrival, taken: frozenset[tuple[str, int]], limits: Limits
) -> int:
    """The tenant's own where it is free on the new host; the tenant's URL has it."""
    port = tenant.public_port
    if port not in arrival.own and ("tcp", port) in taken and not request.new_public_port:
        raise PortTaken(
            f"public port {port} of tenant {tenant.name} is taken on {arrival.seen.host.name}",
            "--new-public-port takes another one there, which changes the tenant's URL",
            port=port,
            host=arrival.seen.host.name,
        )
    return free_public_port(port, arrival.own, taken, limits)


def free_public_port(port: int, own: frozenset[int], taken: frozenset[tuple[str, int]], limits: Limits) -> int:
    """This one, where it is free or the tenant's own there, else another."""
    if port in own or ("tcp", port) not in taken:
        return port
    return free_port({number for _, number in taken}, limits.public_port_range, "public port")


# --- the parts --------------------------------------------------------------------------------------------------------


def _brought(move: _Move, every: Sequence[str]) -> list[PlannedStep]:
    """New layers with all the data, while the old ones serve."""
    name, host, after, pair = move.tenant.name, move.after.host, move.after, move.pair
    compare = CompareFollowers(*pair, move.following, new_host=host).planned("nothing is taken for granted")
    early = AwaitHealthy(name, "app", host, after.app_generation, move.changes, EARLY_SECONDS, tolerant=True)
    return [
        StartLayer(name, "data", after.data_generation, host, "absent").planned("fresh datastores on the new host"),
        CreateLayer(name, "app", after.app_generation, host).planned("while the datastores start"),
        AwaitStores(name, after.data_generation, host, list(every)).planned("before they are given data"),
        *(FollowStore(*pair, store, new_host=host).planned("while the old one serves") for store in move.following),
        StartLayer(name, "app", after.app_generation, host, "absent", created=True).planned("on datastores that follow"),
        early.planned("the freeze is not to wait for it"),
        *([compare] if move.following else []),
    ]


def _handed_over(move: _Move) -> list[PlannedStep]:
    """The freeze, up to the route on the new host's edge and the way there from the old one's."""
    name, old, host, after, pair = move.tenant.name, move.tenant.host, move.after.host, move.after, move.pair
    freeze = [
        SetRouteMode(name, old, "frozen", "serving").planned("what is written from here on would be lost"),
        AwaitWrites(name, old).planned("what is acknowledged is taken along"),
    ]
    followers = [
        AwaitFollowers(*pair, move.following, new_host=host).planned("to the last write"),
        PromoteFollowers(*pair, move.following, new_host=host).planned("the new layer takes writes"),
    ]
    forward = (move.tenant.public_port, after.address, after.public_port)
    backward = PutBackForward(name, host, after.public_port, move.tenant.address, move.tenant.public_port)
    arrive = ApplyRoute(name, host, move.frozen, not move.back, move.layers, move.changes)
    return [
        *([] if move.back else [arrive.planned("nobody knows that address yet, and writes are refused there")]),
        *(freeze if move.mode == "serving" else []),
        *(CopyStore(*pair, store, new_host=host).planned("its kind cannot follow") for store in move.copied),
        *(followers if move.following else []),
        AwaitHealthy(name, "app", host, after.app_generation, move.changes, FROZEN_SECONDS).planned("no route before health"),
        *([backward.planned("for the way back"), arrive.planned("the new layers are proven")] if move.back else []),
        PutBackRoute(name, old, move.mode).planned("for the way back"),
        *(_forwarded(move, forward) if move.request.forward else []),
    ]


def _forwarded(move: _Move, forward: tuple[int, str, int]) -> list[PlannedStep]:
    """A tenant that is suspended is so at its new host, so that the old one need not know of it."""
    name, old = move.tenant.name, move.tenant.host
    mode = "frozen" if move.mode == "serving" else "serving"
    check = CheckForward(name, old, move.tenant.public_port).planned("nobody is to be cut off")
    return [
        ForwardRoute(name, old, *forward, mode).planned("clients with the old address go on"),
        *([check] if move.mode == "serving" else []),
    ]


def _left(move: _Move) -> list[PlannedStep]:
    """Writes go on first, and nothing of that needs the old host; then that one passes on, or says where nobody is any more."""
    name, old, host, tenant = move.tenant.name, move.tenant.host, move.after.host, move.tenant
    layers: Layers = [["app", tenant.app_generation], ["data", tenant.data_generation]]
    record = {"host": old, "address": tenant.address, "public_port": tenant.public_port}
    serving = move.mode == "serving"
    elsewhere = "serving" if move.request.forward else "moved"
    dismiss = DismissFollowers(*move.pair, move.following, new_host=host).planned("each is its own now")
    return [
        *([SetRouteMode(name, host, "serving", "frozen").planned("the new layers take writes")] if serving else []),
        keep(tenant, layers, move.request.keep_seconds, MOVE, record),
        *([SetRouteMode(name, old, elsewhere, "frozen").planned("the old address")] if serving or elsewhere == "moved" else []),
        *([CheckRoute(name, host, move.after.public_port).planned("seen from outside")] if serving else []),
        DrainEdge(name, old).planned("requests in flight end"),
        *([dismiss] if move.following else []),
        *stopped(tenant, layers),
        ReleasePlace(name, old).planned("others may have it"),
    ]


# --- what is said of it -----------------------------------------------------------------------------------------------


def _changes(move: _Move) -> list[str]:
    lines = [f"~ {move.tenant.name}: {move.tenant.host} -> {move.after.host}"]
    lines += [f"+ {LayerReference(move.tenant.name, layer, generation).project}" for layer, generation in move.layers]
    if move.after.url != move.tenant.url:
        lines.append(f"~ url {move.tenant.url} -> {move.after.url}")
    return lines


def _warnings(move: _Move, safety: NewBackup | None) -> list[str]:
    warnings = []
    if move.mode == "serving":
        warnings.append("writes get 503 with Retry-After for some seconds, while the new host takes over; reads go on")
    if move.copied:
        warnings.append(f"{', '.join(move.copied)} cannot follow: copied while writes are refused, however long that takes")
    if move.tenant.hostname:
        warnings.append(f"{move.tenant.hostname} is to lead to {move.after.address} before the old layers' time is over")
    if not move.request.forward:
        warnings.append(f"{move.tenant.url} answers 503 afterwards")
    if safety is None:
        warnings.append("no safety backup of the present is taken")
    return warnings
