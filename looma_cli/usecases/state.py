"""The state against the world: audit both ways, rebuild from labels, migrate, where it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from looma_cli.model.host import Host
from looma_cli.model.layer import LABEL_GENERATION, LABEL_LAYER, LABEL_TENANT
from looma_cli.model.tenant import LayerReference, Tenant
from looma_cli.usecases.context import Context, known_hosts

DEPLOYED = ("running", "suspended", "stopped", "switching", "failed", "provisioning", "deleting")


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is only on one side. ``kind`` is container, volume, network, layer or route."""

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


class StateUseCases:
    def __init__(self, context: Context, location: Mapping[str, str]) -> None:
        self._context = context
        self._world = context.world
        self._location = dict(location)

    def audit(self) -> AuditReport:
        """Compare every host's labelled objects with the state. Raises Unreachable for a host that cannot be asked."""
        with self._world.store.read() as state:
            hosts = known_hosts(self._context, state)
            tenants = [*state.tenants(), *state.tenants(platform=True)]
        missing: list[Finding] = []
        unknown: list[Finding] = []
        for host in hosts:
            here = [tenant for tenant in tenants if tenant.host == host.name]
            missing += self._missing(host, here)
            unknown += self._unknown(host, here)
        return AuditReport(tuple(missing), tuple(unknown))

    def _missing(self, host: Host, tenants: list[Tenant]) -> list[Finding]:
        engine = self._world.engine(host.name)
        there = {(w.reference, w.component) for w in engine.workloads()}
        networks = {network.name for network in engine.networks()}
        found = []
        for tenant in tenants:
            if tenant.status not in ("running", "suspended", "stopped"):
                continue
            for component in self._world.catalog.edition(tenant.edition).of_profile(tenant.profile):
                reference = tenant.layer(component.layer)
                if (reference, component.name) not in there:
                    found.append(Finding(host.name, "container", f"{reference.project}/{component.name}", tenant.name))
            for reference in (tenant.layer("data"), tenant.layer("app")):
                if reference.project not in networks:
                    found.append(Finding(host.name, "network", reference.project, tenant.name))
        return [*found, *self._missing_routes(host, tenants)]

    def _missing_routes(self, host: Host, tenants: list[Tenant]) -> list[Finding]:
        routed = set(self._world.edge(host.name).routes()) if self._world.edge(host.name).running() else set()
        served = [tenant for tenant in tenants if tenant.status in ("running", "suspended") and tenant.name not in routed]
        return [Finding(host.name, "route", tenant.url, tenant.name, f"looma tenant restart {tenant.name}") for tenant in served]

    def _unknown(self, host: Host, tenants: list[Tenant]) -> list[Finding]:
        engine = self._world.engine(host.name)
        known = {tenant.layer(layer) for tenant in tenants if tenant.status in DEPLOYED for layer in ("data", "app")}
        found = [
            Finding(host.name, "container", w.name, w.reference.tenant)
            for w in engine.workloads()
            if w.reference and w.reference not in known
        ]
        for kind, objects in (("volume", engine.volumes()), ("network", engine.networks())):
            for item in objects:
                reference = reference_of(item.labels)
                if reference is not None and reference not in known:
                    found.append(Finding(host.name, kind, item.name, reference.tenant))
        return found

    def migrate(self) -> dict[str, str]:
        """The state is migrated whenever it is opened; says at which revision it is."""
        return {"revision": self._world.store.revision()}

    def path(self) -> dict[str, str]:
        """Where the state is: ``home``, ``database``, ``stacks``, ``secret_key``."""
        return dict(self._location)


def reference_of(labels: Mapping[str, str]) -> LayerReference | None:
    """The layer that an object's labels name; None for the edge and for anything that is no layer's."""
    if labels.get(LABEL_LAYER) not in ("data", "app"):
        return None
    return LayerReference(labels[LABEL_TENANT], labels[LABEL_LAYER], int(labels[LABEL_GENERATION]))
