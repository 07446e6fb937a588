"""Is it well? Every component asked now: container state, protocol probe, and the route through the edge."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from looma_cli.errors import Unreachable
from looma_cli.model.edition import Probe
from looma_cli.model.health import ComponentHealth, ProbeResult, ProbeTarget, TenantHealth
from looma_cli.model.layer import Workload
from looma_cli.model.probing import probe_targets
from looma_cli.model.tenant import Tenant
from looma_cli.usecases.context import LOCAL, Context

EDGE = "edge"
PROBED_STATUSES = ("running", "suspended", "provisioning", "switching", "failed")


@dataclass(frozen=True, slots=True)
class HealthReport:
    healthy: bool
    tenants: tuple[TenantHealth, ...]


class HealthUseCases:
    def __init__(self, context: Context) -> None:
        self._context = context
        self._world = context.world

    def check(self, names: list[str]) -> HealthReport:
        """Ask the named tenants (none: all that should run) and remember the answers. Raises NotFound for an unknown name.

        A host that cannot be reached makes its tenants unhealthy, never absent from the report.
        """
        with self._world.store.read() as state:
            tenants = [state.tenant(name) for name in names] if names else [t for t in state.tenants() if t.status in PROBED_STATUSES]
        reports = tuple(self._tenant(tenant) for tenant in tenants)
        self._remember(reports)
        return HealthReport(all(report.healthy for report in reports), reports)

    def _tenant(self, tenant: Tenant) -> TenantHealth:
        try:
            components = self._components(tenant)
        except Unreachable as error:
            if tenant.host == LOCAL:
                raise  # without the local engine there is nothing to report on: the command itself has failed
            components = (ComponentHealth("host", "host", "unreachable", False, None, error.message),)
        return TenantHealth(tenant.name, all(c.healthy for c in components), components)

    def _components(self, tenant: Tenant) -> tuple[ComponentHealth, ...]:
        edition = self._world.catalog.edition(tenant.edition)
        current = (tenant.layer("data"), tenant.layer("app"))
        workloads = {w.component: w for w in self._world.engine(tenant.host).workloads(tenant.name) if w.reference in current}
        reachable = self._world.access(tenant.host).reachable
        targets = probe_targets(tenant, edition, reachable)
        route = _route_target(tenant, reachable)
        asked = [t for t in targets if t.component in workloads and workloads[t.component].state == "running"]
        *results, routed = self._world.health.probe([*asked, route])
        answers = {result.component: result for result in results}
        lines = [
            _component(component.name, component.kind, workloads.get(component.name), answers.get(component.name))
            for component in edition.of_profile(tenant.profile)
        ]
        return (*lines, self._route(tenant, routed))

    def _route(self, tenant: Tenant, routed: ProbeResult) -> ComponentHealth:
        if tenant.status == "suspended":
            suspended = "503" in routed.detail
            return ComponentHealth(EDGE, "edge", "suspended", suspended, routed.latency_ms, "" if suspended else routed.detail)
        state = "serving" if routed.healthy else "failing"
        return ComponentHealth(EDGE, "edge", state, routed.healthy, routed.latency_ms, routed.detail)

    def _remember(self, reports: tuple[TenantHealth, ...]) -> None:
        at = self._world.clock.now()
        with self._world.store.write() as state:
            for report in reports:
                if state.has_tenant(report.name):
                    state.save_health(report.name, report.components, at)


def _route_target(tenant: Tenant, reachable: Callable[[str, int], tuple[str, int]]) -> ProbeTarget:
    address, port = reachable("127.0.0.1", tenant.public_port)
    return ProbeTarget(EDGE, "edge", Probe("http", EDGE, "/health", tuple(range(200, 400))), address, port)


def _component(name: str, kind: str, workload: Workload | None, answer: ProbeResult | None) -> ComponentHealth:
    if workload is None:
        return ComponentHealth(name, kind, "absent", False, None, "no container")
    if workload.state != "running":
        reason = "out of memory" if workload.out_of_memory else f"exit code {workload.exit_code}"
        return ComponentHealth(name, kind, workload.state, False, None, reason if workload.state == "exited" else "")
    if answer is None:
        healthy = workload.health in ("healthy", "none")
        return ComponentHealth(name, kind, workload.state, healthy, None, "" if healthy else f"container is {workload.health}")
    healthy = answer.healthy and workload.health != "unhealthy"
    detail = answer.detail or ("" if healthy else "the container's own check fails")
    return ComponentHealth(name, kind, workload.state, healthy, answer.latency_ms, "" if healthy else detail)
