"""What every use case works with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

from looma_cli.errors import NotFound
from looma_cli.model.host import Capacity, Host
from looma_cli.model.protocols import HeldLease, HostAccess, State, Workers
from looma_cli.model.reporting import Reporter
from looma_cli.model.world import World
from looma_cli.plan.observation import Held, HostObservation, Limits

if TYPE_CHECKING:
    from looma_cli.runner import Runner

LOCAL = "local"


@dataclass
class Children:
    """Passes the pid of a running outside program on to the lease under which it runs."""

    lease: HeldLease | None = None

    def lease_lost(self) -> bool:
        return self.lease is not None and self.lease.lost

    def release_lease(self, state: State) -> None:
        if self.lease is not None:
            self.lease.release_in(state)

    def __call__(self, pid: int | None) -> None:
        if self.lease is not None:
            self.lease.set_child(pid)


@dataclass(frozen=True)
class Context:
    """One command's world and knobs. ``images`` is registry or local; ``edge_image`` and ``support_images`` belong to no edition."""

    world: World
    reporter: Reporter
    limits: Limits
    images: str
    registry: str
    address: str  # public address of the local host
    children: Children = field(default_factory=Children)
    stop_requested: Callable[[], bool] = lambda: False
    backup_repository: str = ""  # the place that has a repository for each tenant
    backup_copy: str | None = None  # a second such place

    def backup_location(self, tenant: str) -> str:
        """The tenant's own repository: what damages or locks it, or makes it grow, is nobody else's."""
        return f"{self.backup_repository.rstrip('/')}/{tenant}"
    workers: Workers | None = None  # None: everything is done in this process

    def runner(self) -> Runner:
        from looma_cli.runner import Runner  # who only looks needs none

        return Runner(self.world, self.reporter, self.stop_requested, self.children.lease_lost, self.children.release_lease)

    def edge_image(self, images: str) -> str:
        return self.world.catalog.support_image("edge", images)

    def init_image(self, images: str) -> str:
        return self.world.catalog.support_image("init", images)

    def support_images(self, images: str) -> list[str]:
        return [self.init_image(images), self.edge_image(images)]


class Look(Protocol):
    """How a host is looked at before something is decided about it."""

    def __call__(self, context: Context, name: str, *, engine: bool) -> HostObservation: ...


def observe_host(context: Context, name: str, *, engine: bool) -> HostObservation:
    """Look at a host before deciding: its listeners, and (``engine``) what its engine has. Raises NotFound, EngineUnavailable."""
    world = context.world
    host = host_record(context, name)
    sockets = frozenset((listener.protocol, listener.port) for listener in world.access(name).listeners())
    listening = set(sockets)
    networks: tuple[str, ...] = ()
    api = None
    if engine:
        api = world.engine(name).information().api
        listening |= {(protocol, port) for _, port, protocol in world.engine(name).published_ports()}
        networks = tuple(cidr for network in world.engine(name).networks(everyones=True) for cidr in network.cidrs)
        host = replace(host, capacity=capacity_of(world.access(name)))
    return HostObservation(host, frozenset(listening), networks, api, world.clock.now(), sockets)


def capacity_of(access: HostAccess) -> Capacity:
    """The size of a machine, as it describes itself."""
    described = access.describe()
    return Capacity(float(described["cpus"]), int(described["memory_bytes"]), int(described["disk_bytes"]))


def first_look() -> Look:
    """``observe_host`` that looks at each host only once where its engine is not asked."""
    seen: dict[str, HostObservation] = {}

    def look(context: Context, name: str, *, engine: bool) -> HostObservation:
        if engine:
            return observe_host(context, name, engine=True)
        if name not in seen:
            seen[name] = observe_host(context, name, engine=False)
        return replace(seen[name], now=context.world.clock.now())

    return look


def held_on(state: State, host: str) -> Held:
    """What the state says is taken on a host."""
    return Held(frozenset(state.taken_ports(host)), tuple(state.taken_subnets(host)), state.edge_ports(host))


def known_hosts(context: Context, state: State) -> list[Host]:
    """Every host; ``local`` is one without having been added."""
    hosts = state.hosts()
    if any(host.name == LOCAL for host in hosts):
        return hosts
    return [Host(LOCAL, LOCAL, context.address, "unknown"), *hosts]


def host_record(context: Context, name: str) -> Host:
    """One host's record. Raises NotFound."""
    with context.world.store.read() as state:
        for host in known_hosts(context, state):
            if host.name == name:
                return host
    raise NotFound(f"there is no host {name!r}", "this release runs tenants on the host local only")
