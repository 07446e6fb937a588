"""What every use case works with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

from looma_cli.errors import NotFound, Unreachable
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
    placement: str = "spread"  # where a tenant goes that was given no host
    children: Children = field(default_factory=Children)
    stop_requested: Callable[[], bool] = lambda: False
    backup_repository: str = ""  # the place that has a repository for each tenant
    backup_copy: str | None = None  # a second such place
    backup_copy_prune: bool = True

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
    sockets = _sockets(world, host, needed=engine or name == LOCAL)
    listening = set(sockets)
    networks: tuple[str, ...] = ()
    api = None
    if engine:
        api = world.engine(name).information().api
        listening |= {(protocol, port) for _, port, protocol in world.engine(name).published_ports()}
        networks = tuple(cidr for network in world.engine(name).networks(everyones=True) for cidr in network.cidrs)
        host = replace(host, capacity=capacity_of(world.access(name)))
    return HostObservation(host, frozenset(listening), networks, api, world.clock.now(), sockets)


def _sockets(world: World, host: Host, *, needed: bool) -> frozenset[tuple[str, int]]:
    """What listens there. Where nothing is to be started now, a host that is not known to answer is left alone: the start looks."""
    if not needed and host.status != "ready":
        return frozenset()
    try:
        return frozenset((listener.protocol, listener.port) for listener in world.access(host.name).listeners())
    except Unreachable:
        if needed:
            raise
        return frozenset()


def capacity_of(access: HostAccess) -> Capacity:
    """The size of a machine, as it describes itself."""
    return _capacity(access.describe())


def _capacity(described: Mapping[str, Any]) -> Capacity:
    return Capacity(float(described["cpus"]), int(described["memory_bytes"]), int(described["disk_bytes"]))


def measured(access: HostAccess, path: str) -> tuple[Capacity, Capacity]:
    """Size of a machine, and how much of it is in use, by whomever; ``path`` is where its engine keeps its data."""
    described = access.describe()
    size = _capacity(described)
    memory = size.memory_bytes - int(described["memory_available_bytes"])
    return size, Capacity(0, memory, max(size.disk_bytes - access.free_disk_bytes(path), 0))


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


def known_hosts(context: Context, state: State, *, counted: bool = True) -> list[Host]:
    """Every host, ``local`` first: it is one without having been added. ``counted``: see ``State.hosts``."""
    hosts = {host.name: host for host in state.hosts(counted=counted)}
    local = hosts.pop(LOCAL, None) or _local(context, state if counted else None)
    return [replace(local, address=context.address), *hosts.values()]


def host_record(context: Context, name: str) -> Host:
    """One host's record, its tenants not counted. Raises NotFound."""
    with context.world.store.read() as state:
        try:
            host = state.host(name, counted=False)
        except NotFound:
            if name != LOCAL:
                raise
            host = _local(context, None)
    return replace(host, address=context.address) if name == LOCAL else host


def _local(context: Context, state: State | None) -> Host:
    """This machine before anything was recorded of it."""
    tenants = 0 if state is None else state.tenants_on(LOCAL)
    return Host(LOCAL, LOCAL, context.address, tenants=tenants)
