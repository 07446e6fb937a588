"""The state against the world, both ways. Changes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from looma_cli.model.host import Host
from looma_cli.model.layer import LABEL_LAYER, LABEL_TENANT, Workload, reference_of
from looma_cli.model.move import EVACUATE, MOVE
from looma_cli.model.tenant import Allocation, LayerReference, Tenant
from looma_cli.usecases.context import Context, known_hosts

SETTLED = ("running", "suspended", "stopped")
DEPLOYED = (*SETTLED, "switching", "failed", "provisioning", "deleting")


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is only on one side. ``kind`` is container, volume, network, route, port, subnet or files; ``host`` is empty for
    what lies beside the state itself."""

    host: str
    kind: str
    name: str
    tenant: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class AuditReport:
    """``unknown`` runs but is not in the state; ``missing`` is in the state but not there. Nothing is deleted by an audit."""

    missing: tuple[Finding, ...]
    unknown: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        return not self.missing and not self.unknown


class Audit:
    """One comparison. Raises Unreachable for a host that cannot be asked."""

    def __init__(self, context: Context) -> None:
        self._world = context.world
        with self._world.store.read() as state:
            self._hosts = known_hosts(context, state)
            self._tenants = [*state.tenants(), *state.tenants(platform=True)]
            self._allocations = state.allocations()
            layers = state.kept_layers()
        self._kept = {kept.reference for kept in layers}  # left, stopped, and known: their time is not over
        self._abandoned = {kept.reference for kept in layers if kept.reason == EVACUATE}  # nobody has stopped them
        self._passed_on = {(kept.host, kept.reference.tenant) for kept in layers if kept.reason == MOVE}
        self._moving = {tenant.name for tenant in self._tenants if tenant.status == "switching"}

    def report(self) -> AuditReport:
        missing: list[Finding] = []
        unknown = list(self._unknown_files())
        for host in self._hosts:
            here = [tenant for tenant in self._tenants if tenant.host == host.name]
            workloads = self._world.engine(host.name).workloads()
            missing += self._missing(host, here, workloads)
            missing += self._missing_routes(host, here)
            missing += self._missing_ports(host, here, workloads)
            unknown += self._unknown(host, here, workloads)
            unknown += self._unknown_routes(host, here)
        return AuditReport(tuple(missing), tuple(unknown))

    # in the state, but not there
    def _missing(self, host: Host, tenants: Iterable[Tenant], workloads: Iterable[Workload]) -> Iterator[Finding]:
        there = {(w.reference, w.component) for w in workloads}
        networks = {network.name for network in self._world.engine(host.name).networks()}
        for tenant in tenants:
            if tenant.status not in SETTLED:
                continue
            for component in self._world.catalog.edition(tenant.edition).of_profile(tenant.profile):
                reference = tenant.layer(component.layer)
                if (reference, component.name) not in there:
                    yield Finding(host.name, "container", f"{reference.project}/{component.name}", tenant.name)
            for reference in (tenant.layer("data"), tenant.layer("app")):
                if reference.project not in networks:
                    yield Finding(host.name, "network", reference.project, tenant.name)

    def _missing_routes(self, host: Host, tenants: Iterable[Tenant]) -> Iterator[Finding]:
        edge = self._world.edge(host.name)
        routed = set(edge.routes()) if edge.running() else set()
        for tenant in tenants:
            if tenant.status in ("running", "suspended") and tenant.name not in routed:
                yield Finding(host.name, "route", tenant.url, tenant.name, f"looma tenant restart {tenant.name}")

    def _missing_ports(self, host: Host, tenants: Iterable[Tenant], workloads: Iterable[Workload]) -> Iterator[Finding]:
        """Ports that the state says a container publishes, and it does not; ports and subnets held for nobody."""
        published = {(w.reference, w.component): set(w.ports) for w in workloads}
        by_name = {tenant.name: tenant for tenant in tenants}
        for row in self._allocations:
            if row.host == host.name and row.state != "quarantined":
                yield from self._judged(host, row, by_name, published)
        for tenant in by_name.values():
            for subnet in tenant.subnets:
                reference = LayerReference(tenant.name, subnet.layer, subnet.generation)
                if reference != tenant.layer(subnet.layer) and reference not in self._kept and tenant.status in SETTLED:
                    yield Finding(host.name, "subnet", subnet.cidr, tenant.name, f"held for {subnet.name}, which the tenant left")

    def _judged(
        self, host: Host, row: Allocation, tenants: Mapping[str, Tenant], published: Mapping[object, set[tuple[str, int, int]]]
    ) -> Iterator[Finding]:
        name, tenant = f"{row.address}:{row.host_port}/{row.protocol}", tenants.get(row.tenant or "")
        if row.tenant is None:
            if not self._edge_needed(host, tenants.values()):
                yield Finding(host.name, "port", name, "", f"held for the edge ({row.component}), which nobody needs")
        elif tenant is None and self._left_or_coming(host, row):
            return
        elif tenant is None:
            yield Finding(host.name, "port", name, row.tenant, f"held for {row.component} of no tenant on this host")
        elif tenant.status in SETTLED and row.layer != "edge":
            reference = LayerReference(tenant.name, row.layer, row.generation)
            there = published.get((reference, row.component))
            if reference != tenant.layer(row.layer) and reference not in self._kept:
                yield Finding(host.name, "port", name, tenant.name, f"held for {reference.project}, which the tenant left")
            elif there is not None and (row.address, row.host_port, row.container_port) not in there:
                ports = ", ".join(f"{a}:{port}" for a, port, inside in sorted(there) if inside == row.container_port) or "nothing"
                yield Finding(host.name, "port", name, tenant.name, f"{row.component} publishes {ports} for {row.container_port}")

    def _edge_needed(self, host: Host, tenants: Iterable[Tenant]) -> bool:
        """By who is there, by who has moved away, or by who is coming."""
        coming = any(row.host == host.name and row.tenant in self._moving for row in self._allocations)
        passing = any(name == host.name for name, _ in self._passed_on)
        return coming or passing or any(tenant.status in DEPLOYED and tenant.public_port for tenant in tenants)

    def _left_or_coming(self, host: Host, row: Allocation) -> bool:
        """Held on a host that is not (or not yet) its tenant's: for layers that are kept, for requests that are passed on, for a move."""
        kept = LayerReference(row.tenant or "", row.layer, row.generation) in self._kept
        return kept or row.tenant in self._moving or (row.layer == "edge" and (host.name, row.tenant) in self._passed_on)

    # there, but not in the state
    def _unknown(self, host: Host, tenants: Iterable[Tenant], workloads: Iterable[Workload]) -> Iterator[Finding]:
        """All that carries this installation's label and belongs to no layer of a tenant, kept or not, nor to an edge that it needs."""
        deployed = [tenant for tenant in tenants if tenant.status in DEPLOYED]
        known = (self._kept - self._abandoned) | {tenant.layer(layer) for tenant in deployed for layer in ("data", "app")}
        engine, edge_needed = self._world.engine(host.name), self._edge_needed(host, deployed)
        for kind, objects in (("container", workloads), ("volume", engine.volumes()), ("network", engine.networks())):
            for item in objects:
                reference = reference_of(item.labels)
                is_edge = item.labels.get(LABEL_LAYER) == "edge"
                if reference in known or (is_edge and edge_needed):
                    continue
                detail = "the edge, which no tenant needs" if is_edge else self._why(reference)
                yield Finding(host.name, kind, item.name, item.labels.get(LABEL_TENANT, ""), detail)

    def _why(self, reference: LayerReference | None) -> str:
        if reference not in self._abandoned or reference is None:
            return ""
        return f"left behind by an evacuation: looma edition finalize {reference.tenant} removes it"

    def _unknown_routes(self, host: Host, tenants: Iterable[Tenant]) -> Iterator[Finding]:
        known = {tenant.name for tenant in tenants if tenant.status in DEPLOYED}
        known |= {name for place, name in self._passed_on if place == host.name}
        for name in self._world.edge(host.name).routes():
            if name not in known:
                yield Finding(host.name, "route", name, name)

    def _unknown_files(self) -> Iterator[Finding]:
        files, known = self._world.files, {tenant.name for tenant in self._tenants}
        for name in files.tenants():
            if name not in known:
                count = len(files.names(name))
                yield Finding("", "files", files.path(name, files.names(name)[0]), name, f"{count} rendered file{'s' * (count > 1)}")
