"""Deeds at the edge of a host that a tenant moves away from: what still comes there goes on to where the tenant is."""

from __future__ import annotations

from dataclasses import dataclass

from looma_cli.errors import Unhealthy
from looma_cli.model.edition import Probe
from looma_cli.model.health import ProbeTarget
from looma_cli.model.protocols import State
from looma_cli.model.route import Route, Upstream
from looma_cli.model.world import World
from looma_cli.steps.base import Progress, StateStep, WorldStep
from looma_cli.steps.routes import DrainEdge, edge_runs

SERVICE = "moved"  # what the edge's log calls the other edge
REACH_SECONDS = 5.0


@dataclass(frozen=True)
class ForwardStep(WorldStep):
    """``host`` is whose edge passes on, at ``port`` and the tenant's hostname, to ``address``:``target_port``."""

    tenant: str
    host: str
    port: int
    address: str
    target_port: int

    def forward(self, world: World, mode: str) -> None:
        with world.store.read() as state:
            tenant = state.tenant(self.tenant)
        key = world.vault.open(tenant.certificate.sealed_key) if tenant.certificate else None
        chain = tenant.certificate.chain if tenant.certificate else None
        there = (Upstream("/", SERVICE, self.address, self.target_port),)
        world.edge(self.host).apply(Route(self.tenant, self.port, tenant.hostname, there, mode, chain, key))


@dataclass(frozen=True)
class ForwardRoute(ForwardStep):
    """The old host's edge passes every request on to the new host's, path and all. A PutBackRoute before it is its undo."""

    name = "forward-route"
    mode: str = "serving"

    def title(self) -> str:
        return f"Pass on what comes to {self.host}"

    def do(self, world: World, progress: Progress) -> str:
        if not edge_runs(world, self.host):
            return "no edge"
        self.forward(world, self.mode)
        return f"to {self.address}:{self.target_port}"


@dataclass(frozen=True)
class PutBackForward(ForwardStep):
    """``do`` does nothing; ``undo`` lets the edge pass on again what an operation had brought back to its host."""

    name = "put-back-forward"

    def title(self) -> str:
        return "Remember where requests are passed on"

    def do(self, world: World, progress: Progress) -> str:
        return ""

    def undo(self, world: World, progress: Progress) -> str:
        if edge_runs(world, self.host):
            self.forward(world, "serving")
        return DrainEdge(self.tenant, self.host).do(world, progress)


@dataclass(frozen=True)
class CheckForward(WorldStep):
    """A read of the old address is answered by the new layers. Raises Unhealthy: nobody is cut off for want of a way between two hosts."""

    name = "check-forward"
    tenant: str
    host: str
    port: int
    path: str = "/health"

    def title(self) -> str:
        return "Check the old address"

    def do(self, world: World, progress: Progress) -> str:
        address, port = world.access(self.host).reachable("127.0.0.1", self.port)
        target = ProbeTarget("edge", "edge", Probe("http", "edge", self.path, tuple(range(200, 400))), address, port)
        deadline = world.clock.now().timestamp() + REACH_SECONDS
        while not (result := world.health.probe([target])[0]).healthy:
            if world.clock.now().timestamp() > deadline:
                raise Unhealthy(
                    f"{self.host} does not reach the edge of {self.tenant}'s new host: {result.detail}",
                    "open that way (the new host's public address and port), or --no-forward: the old address answers 503 then",
                )
            world.clock.sleep(0.1)
        return ""


@dataclass(frozen=True)
class EndForward(WorldStep):
    """The edge that a tenant has left forgets it."""

    name = "end-forward"
    tenant: str
    host: str

    def title(self) -> str:
        return f"Pass on no more at {self.host}"

    def do(self, world: World, progress: Progress) -> str:
        edge = world.edge(self.host)
        if edge.running():
            edge.remove(self.tenant)
        return ""


@dataclass(frozen=True)
class ReleaseForward(StateStep):
    """The public port that the tenant had on a host that it has left is free."""

    name = "release-forward"
    tenant: str
    host: str

    def title(self) -> str:
        return f"Release the public port on {self.host}"

    def do(self, world: World, state: State) -> str:
        for row in state.allocations(host=self.host, tenant=self.tenant):
            if row.layer == "edge":
                state.remove_allocations(self.tenant, row.layer, row.generation)
        return ""
