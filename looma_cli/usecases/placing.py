"""Choosing a host for a tenant that was given none, and holding its memory and disk there.

Chosen outside the transaction, since looking at a host may take its time; confirmed inside the one that creates the tenant. Whoever was
faster there has written the next sequence of that host: the choice is made again with what is left. Nobody waits for anybody.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial

from looma_cli.errors import Conflict, LoomaError, NoFreePorts, NoFreeSubnet, NoRoom, NotAllowed, NotFound, Overtaken, Unreachable
from looma_cli.model.edition import Edition
from looma_cli.model.host import HeldCounts, Host, Reservation, Reserved
from looma_cli.model.operation import Plan
from looma_cli.model.placing import Footprint, Room, footprint
from looma_cli.model.protocols import State
from looma_cli.model.requests import CreateRequest
from looma_cli.model.tenant import Tenant
from looma_cli.plan.placement import UNREACHED, Candidate, Wanted, place, stays
from looma_cli.usecases.context import LOCAL, Context, known_hosts, measured

ATTEMPTS = 100  # each lost one is a tenant that somebody else placed
Reserve = Callable[[State], Reservation]
Create = Callable[[str, Reserve], Plan | None]  # on a host, with what it reserves there


class Placer:
    """Looks at all hosts once, then keeps running totals: of the hosts it chooses, others' reservations are read again each time."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._hosts: Mapping[str, Host] | None = None
        self._candidates: dict[str, Candidate] | None = None
        self._unreserved: dict[str, Reserved] = {}

    def create(self, request: CreateRequest, edition: Edition, create: Create, *, platform: bool = False) -> Plan | None:
        """``create`` on the host asked for, or on the one chosen. Raises what it raises; NoRoom, NotAllowed for a cordoned host."""
        need = footprint(edition, request.profile)
        if request.host is None and not platform and self._is_a_choice(request):
            return self._placed(self._wanted(request, need), create)
        host = request.host or LOCAL
        self._refuse_cordoned(host)
        return create(host, lambda state: Reservation(host, 0, request.name, need.memory_bytes, need.disk_bytes))

    def elsewhere(self, tenant: Tenant, edition: Edition, create: Create, taken: Mapping[str, str]) -> Plan | None:
        """``create`` on another host than the tenant's own; ``taken`` are further ones that will not do, each with its reason."""
        left_out = {tenant.host: "the tenant leaves it", **taken}
        need = footprint(edition, tenant.profile)
        wanted = Wanted(tenant.name, f"{edition.name} {tenant.profile}", need, {}, self._context.placement, True, left_out)
        return self._placed(wanted, create)

    def _is_a_choice(self, request: CreateRequest) -> bool:
        return bool(request.on or request.place) or len(self._known()) > 1

    def _known(self) -> Mapping[str, Host]:
        if self._hosts is None:
            with self._context.world.store.read() as state:
                self._hosts = {host.name: host for host in known_hosts(self._context, state, counted=False)}
        return self._hosts

    def _refuse_cordoned(self, host: str) -> None:
        """A host that nobody knows is refused when it is looked at."""
        found = self._known().get(host)
        if found is not None and found.cordoned:
            raise NotAllowed(f"host {host} is cordoned: it takes no new tenants", f"looma host uncordon {host}, or another --host")

    def _wanted(self, request: CreateRequest, need: Footprint) -> Wanted:
        policy = request.place or self._context.placement
        return Wanted(request.name, f"{request.edition} {request.profile}", need, request.on, policy, request.start)

    # choose, try, and choose again
    def _placed(self, wanted: Wanted, create: Create) -> Plan | None:
        for _ in range(ATTEMPTS):
            host = self._choose(wanted)
            try:
                return create(host, partial(self._confirmed, wanted, host))
            except Overtaken:
                continue
            except LoomaError as error:
                wanted = replace(wanted, left_out={**wanted.left_out, host: _elsewhere(error)})
                self._context.reporter.note(f"{wanted.name}: not on host {host}: {error.message}")
        raise Conflict("others place tenants faster than this one can be", "run the command again, or name a host: --host")

    def _choose(self, wanted: Wanted) -> str:
        """Nothing is refused by totals that may be old."""
        if self._candidates is not None:
            with suppress(NoRoom):
                return place(wanted, self._candidates.values())
        return place(wanted, self._look().values())

    def _confirmed(self, wanted: Wanted, host: str, state: State) -> Reservation:
        """What the tenant reserves. Raises Overtaken when the host was cordoned, or would not be chosen any more."""
        before = (self._candidates or self._look())[host].room
        now = self._seen_again(state, before)
        if now.host.cordoned:
            raise Overtaken(f"host {host} was cordoned meanwhile", "run the command again", host=host)
        if now.reserved != before.reserved and not self._stays(wanted, host, state):
            raise Overtaken(f"others were placed on host {host} meanwhile", "run the command again", host=host)
        self._count(wanted, now)
        return Reservation(host, now.reserved.sequence + 1, wanted.name, wanted.footprint.memory_bytes, wanted.footprint.disk_bytes)

    def _stays(self, wanted: Wanted, host: str, state: State) -> bool:
        """Where the host would not be chosen any more, those that would be are read as well: the next choice is by what is so now."""
        candidates = self._candidates or {}
        known = {host}
        while not stays(wanted, candidates, host):
            try:
                better = place(wanted, candidates.values())
            except NoRoom:
                return False
            if better in known:
                return better == host
            known.add(better)
            self._seen_again(state, candidates[better].room)
        return True

    # what is known of the hosts
    def _look(self) -> dict[str, Candidate]:
        context = self._context
        with context.world.store.read() as state:
            hosts = [_sized(context, host) for host in known_hosts(context, state)]
            self._unreserved = unreserved(context, state)
            reserved, held = state.reserved(), state.held_counts(context.limits.port_range, context.limits.public_port_range)
        self._hosts = {host.name: host for host in hosts}
        self._candidates = {}
        for host in hosts:
            total = _sum(reserved.get(host.name), self._unreserved.get(host.name))
            self._keep(Room(host, total, held.get(host.name, HeldCounts())))
        return self._candidates

    def _keep(self, room: Room) -> None:
        if self._candidates is not None:
            self._candidates[room.host.name] = Candidate.of(room, self._context.limits)

    def _seen_again(self, state: State, room: Room) -> Room:
        """Numbers of ports and subnets are kept as they were counted: of those the plan itself is the judge."""
        name = room.host.name
        reserved = _sum(state.reserved_on(name), self._unreserved.get(name))
        host, cordoned = room.host, _is_cordoned(state, name)
        seen = replace(room, host=host if host.cordoned == cordoned else replace(host, cordoned=cordoned), reserved=reserved)
        self._keep(seen)
        return seen

    def _count(self, wanted: Wanted, room: Room) -> None:
        """As if it were committed; where it is not, the next look at this host tells."""
        need, before, held = wanted.footprint, room.reserved, room.held
        reserved = Reserved(
            before.tenants + 1, before.memory_bytes + need.memory_bytes, before.disk_bytes + need.disk_bytes, before.sequence + 1
        )
        counts = HeldCounts(held.ports + need.ports, held.public_ports + need.public_ports, held.subnets + need.subnets)
        self._keep(replace(room, reserved=reserved, held=counts))


def _elsewhere(error: LoomaError) -> str:
    """Why a host is left out, as a line of a refusal. Raises the error again where another host would not help."""
    if isinstance(error, Unreachable) and "operation" not in error.details:
        return UNREACHED
    if isinstance(error, NoFreePorts):
        return "no block of free ports"
    if isinstance(error, NoFreeSubnet):
        return "no free subnet"
    if type(error) is Conflict and "ports" in error.details:
        return f"{len(error.details['ports'])} documented ports are taken"
    raise error


def room_of(context: Context, state: State, host: Host) -> Room:
    """One host with what is reserved and held there."""
    held = state.held_counts(context.limits.port_range, context.limits.public_port_range).get(host.name, HeldCounts())
    return Room(_sized(context, host), _sum(state.reserved_on(host.name), unreserved(context, state).get(host.name)), held)


def unreserved(context: Context, state: State) -> dict[str, Reserved]:
    """By host: what tenants take that have reserved nothing, by their manifests; one whose edition is gone is counted, not weighed."""
    found: dict[str, Reserved] = {}
    for kind in state.unreserved():
        try:
            need = footprint(context.world.catalog.edition(kind.edition), kind.profile)
        except NotFound:
            need = Footprint(0, 0, 0)
        these = Reserved(kind.tenants, kind.tenants * need.memory_bytes, kind.tenants * need.disk_bytes)
        found[kind.host] = _sum(found.get(kind.host), these)
    return found


def _sum(one: Reserved | None, other: Reserved | None) -> Reserved:
    one, other = one or Reserved(), other or Reserved()
    return Reserved(
        one.tenants + other.tenants,
        one.memory_bytes + other.memory_bytes,
        one.disk_bytes + other.disk_bytes,
        max(one.sequence, other.sequence),
    )


def _sized(context: Context, host: Host) -> Host:
    """This machine is measured anew, which costs nothing; it is there, since looma runs on it."""
    if host.name != LOCAL:
        return host
    capacity, used = measured(context.world.access(LOCAL), "/")
    return replace(host, status="ready", capacity=capacity, used=used)


def _is_cordoned(state: State, name: str) -> bool:
    """A host that was removed takes no tenants either; ``local`` needs no record."""
    try:
        return state.host(name, counted=False).cordoned
    except NotFound:
        return name != LOCAL
