"""Deeds at the edge: have it, route a tenant, change its mode, take its route away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from looma_cli.errors import CommandFailed, PortTaken, Unhealthy
from looma_cli.model.edition import Probe
from looma_cli.model.health import ProbeTarget
from looma_cli.model.probing import mode_of, route_of
from looma_cli.model.protocols import Edge
from looma_cli.model.route import EdgeSpecification
from looma_cli.model.world import World
from looma_cli.steps.base import Progress, WorldStep
from looma_cli.steps.tenants import edge_users

DRAIN_SECONDS = 35.0  # the edge's worker_shutdown_timeout of 30 s, and a margin
ROUTE_SECONDS = 15.0
WRITES_SECONDS = 10.0


@dataclass(frozen=True)
class EnsureEdge(WorldStep):
    """The host's edge runs. Undo removes it only if this tenant is ``new`` to it and nobody else needs it."""

    name = "ensure-edge"
    tenant: str
    host: str
    image: str
    new: bool = False

    def title(self) -> str:
        return "Have the edge running"

    def do(self, world: World, progress: Progress) -> str:
        with world.store.read() as state:
            ports, installation = state.edge_ports(self.host), state.installation()
        specification = EdgeSpecification(self.host, installation, self.image, ports["http"], ports["https"])
        edge = world.edge(self.host)
        with world.leases.hold(f"edge:{self.host}", None, f"edge for {self.tenant}", wait_seconds=60):
            edge.ensure(specification)
            self._forget_lost_routes(world, edge)
        return ""

    def _forget_lost_routes(self, world: World, edge: Edge) -> None:
        """A tenant that was deleted while the edge was down has left its route there, and with it a port and perhaps a hostname."""
        with world.store.read() as state:
            lost = [tenant for tenant in edge.routes() if not state.has_tenant(tenant)]
        for tenant in lost:
            edge.remove(tenant)

    def undo(self, world: World, progress: Progress) -> str:
        return ReleaseEdge(self.tenant, self.host).do(world, progress) if self.new else ""


@dataclass(frozen=True)
class ReleaseEdge(WorldStep):
    """Remove the edge when no tenant of the host, but this one, could need it any more."""

    name = "release-edge"
    tenant: str
    host: str

    def title(self) -> str:
        return "Release the edge if nobody uses it"

    def do(self, world: World, progress: Progress) -> str:
        with world.leases.hold(f"edge:{self.host}", None, f"edge after {self.tenant}", wait_seconds=60):
            with world.store.write() as state:  # one transaction: who is planned after it reserves edge ports anew
                if edge_users(state, self.host, but=self.tenant):
                    return "still in use"
                state.save_edge_ports(self.host, {})
            world.edge(self.host).destroy()
        return "removed"


def edge_runs(world: World, host: str) -> bool:
    """Whether there is an edge that runs; one that has ended (killed, say, amid something) is started first: its routes lie in its
    volume, and what it refused before it ended it would go on to refuse. Raises PortTaken where it cannot start for that."""
    return world.edge(host).start()


def nothing_to_stop(world: World, host: str, mode: str) -> bool:
    """Has the edge running; whether ``mode`` is stopped and there is none: a lost one must not keep a tenant from being stopped."""
    try:
        return not edge_runs(world, host) and mode == "stopped"
    except (CommandFailed, PortTaken):
        if mode == "stopped":
            return True
        raise


def apply_route(
    world: World,
    tenant_name: str,
    host: str,
    mode: str | None = None,
    layers: Sequence[Sequence[Any]] = (),
    changes: Mapping[str, Any] | None = None,
) -> None:
    """Give the edge the tenant's route as its record says, but for its ``layers`` and other ``changes``."""
    with world.store.read() as state:
        tenant = state.tenant(tenant_name).at(layers, changes)
    key = world.vault.open(tenant.certificate.sealed_key) if tenant.certificate else None
    route = route_of(tenant, world.catalog.edition(tenant.edition), mode or mode_of(tenant.status), key)
    world.edge(host).apply(route)


@dataclass(frozen=True)
class ApplyRoute(WorldStep):
    """The tenant's route serves. ``new`` routes are taken away by an undo, others are put back by PutBackRoute."""

    name = "apply-route"
    tenant: str
    host: str
    mode: str = "serving"
    new: bool = True
    layers: list[list[Any]] = field(default_factory=list)  # where they are not the record's: [[layer, generation], …]
    changes: Mapping[str, Any] = field(default_factory=dict)  # of the record, which it has not got yet

    def title(self) -> str:
        return "Route the tenant"

    def do(self, world: World, progress: Progress) -> str:
        if nothing_to_stop(world, self.host, self.mode):
            return "no edge"  # a start applies it
        apply_route(world, self.tenant, self.host, self.mode, self.layers, self.changes)
        return ""

    def undo(self, world: World, progress: Progress) -> str:
        if self.new and world.edge(self.host).running():
            world.edge(self.host).remove(self.tenant)
        return ""


@dataclass(frozen=True)
class PutBackRoute(WorldStep):
    """``do`` does nothing; ``undo`` applies the route as the record then says, in ``mode`` where its status is a passing one, and lets end
    what was routed otherwise. Stands before the steps that change either, and after those whose undo ends what they route to."""

    name = "put-back-route"
    tenant: str
    host: str
    mode: str | None = None

    def title(self) -> str:
        return "Remember the route"

    def do(self, world: World, progress: Progress) -> str:
        return ""

    def undo(self, world: World, progress: Progress) -> str:
        with world.store.read() as state:
            mode = self.mode or mode_of(state.tenant(self.tenant).status)
        if not nothing_to_stop(world, self.host, mode) and edge_runs(world, self.host):
            apply_route(world, self.tenant, self.host, self.mode)
        return DrainEdge(self.tenant, self.host).do(world, progress)


@dataclass(frozen=True)
class SetRouteMode(WorldStep):
    """What the edge answers for the tenant: serving, suspended, stopped, frozen."""

    name = "set-route-mode"
    tenant: str
    host: str
    mode: str
    previous: str

    def title(self) -> str:
        return f"Set the route to {self.mode}"

    def do(self, world: World, progress: Progress) -> str:
        if nothing_to_stop(world, self.host, self.mode) or (self.mode == "stopped" and not self._routed(world)):
            return "no route"
        world.edge(self.host).set_mode(self.tenant, self.mode)
        return ""

    def undo(self, world: World, progress: Progress) -> str:
        if nothing_to_stop(world, self.host, self.previous) or not self._routed(world):
            return "no route"
        world.edge(self.host).set_mode(self.tenant, self.previous)
        return ""

    def _routed(self, world: World) -> bool:
        return edge_runs(world, self.host) and self.tenant in world.edge(self.host).routes()


@dataclass(frozen=True)
class RemoveRoute(WorldStep):
    """Take the tenant's route away; undo applies it again, in the ``mode`` that it had."""

    name = "remove-route"
    tenant: str
    host: str
    mode: str = "serving"

    def title(self) -> str:
        return "Remove the route"

    def do(self, world: World, progress: Progress) -> str:
        if world.edge(self.host).running():
            world.edge(self.host).remove(self.tenant)
        return ""

    def undo(self, world: World, progress: Progress) -> str:
        if world.edge(self.host).running():
            apply_route(world, self.tenant, self.host, self.mode)
        return ""


@dataclass(frozen=True)
class DrainEdge(WorldStep):
    """Wait until nobody is served by an earlier configuration, so that what it routed to may end."""

    name = "drain-edge"
    tenant: str
    host: str

    def title(self) -> str:
        return "Let requests in flight end"

    def do(self, world: World, progress: Progress) -> str:
        edge = world.edge(self.host)
        return "" if not edge.running() or edge.drain(DRAIN_SECONDS) else "timed out"


@dataclass(frozen=True)
class AwaitWrites(WorldStep):
    """Writes that were let through before the freeze are answered, so that what follows sees them. Raises Unhealthy for one that
    takes too long: nobody else can write meanwhile."""

    name = "await-writes"
    tenant: str
    host: str

    def title(self) -> str:
        return "Let writes in flight end"

    def do(self, world: World, progress: Progress) -> str:
        edge = world.edge(self.host)
        if edge.running() and not edge.settle(self.tenant, WRITES_SECONDS):
            raise Unhealthy(
                f"a write to {self.tenant} that had begun before the freeze did not end within {WRITES_SECONDS:.0f} s",
                "try again when uploads and long requests are through",
            )
        return ""


@dataclass(frozen=True)
class CheckRoute(WorldStep):
    """The tenant answers through the edge, at its public port and its entry service's health path."""

    name = "check-route"
    tenant: str
    host: str
    port: int
    path: str = "/health"

    def title(self) -> str:
        return "Check the route"

    def do(self, world: World, progress: Progress) -> str:
        access = world.access(self.host)
        probe = Probe("http", "edge", self.path, tuple(range(200, 400)))
        deadline = world.clock.now().timestamp() + ROUTE_SECONDS
        while True:
            address, port = access.reachable("127.0.0.1", self.port)  # again each time: the way to another host may have broken
            (result,) = world.health.probe([ProbeTarget("edge", "edge", probe, address, port)])
            if result.healthy:
                return f"{result.latency_ms:.0f} ms" if result.latency_ms is not None else ""
            if world.clock.now().timestamp() > deadline:
                raise Unhealthy(f"the route on port {self.port} does not answer: {result.detail}", f"looma health {self.tenant}")
            world.clock.sleep(0.1)
