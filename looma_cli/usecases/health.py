"""Is it well? Every component asked now: container state, protocol probe, and the route through the edge.

One look at the engine and one round of probes for each host, however many tenants live there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from looma_cli.errors import Unreachable
from looma_cli.model.edition import Probe
from looma_cli.model.health import ComponentHealth, ProbeResult, ProbeTarget, TenantHealth
from looma_cli.model.layer import Workload
from looma_cli.model.probing import from_here, mode_of, probe_targets
from looma_cli.model.protocols import Engine, HostAccess
from looma_cli.model.tenant import Tenant
from looma_cli.usecases.at_once import at_once
from looma_cli.usecases.backup_health import backup_concerns
from looma_cli.usecases.context import LOCAL, Context
from looma_cli.usecases.operation_health import stopped_midway

EDGE = "edge"
UP = ("running", "suspended", "failed")  # a tenant in the middle of an operation that goes on is asked only by name
DOWN = ("created", "stopped")
Answers = Mapping[str, ProbeResult]


@dataclass(frozen=True, slots=True)
class HealthReport:
    healthy: bool
    tenants: tuple[TenantHealth, ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """One host, and its tenants."""

    host: str
    engine: Engine
    access: HostAccess
    tenants: list[Tenant]


@dataclass(frozen=True, slots=True)
class Check:
    """What one tenant's check needs: its containers by component, and the targets worth asking."""

    tenant: Tenant
    workloads: Mapping[str, Workload]
    targets: tuple[ProbeTarget, ...]


class HealthUseCases:
    def __init__(self, context: Context) -> None:
        self._context = context
        self._world = context.world

    def check(self, names: list[str]) -> HealthReport:
        """Ask the named tenants (none: all that should run) and remember the answers. Raises NotFound for an unknown name.

        A host that cannot be reached makes its tenants unhealthy, never absent from the report; where all are on this machine and its
        engine is gone there is nothing to report on, so that is raised (exit 7). Several hosts are asked at the same time.
        """
        with self._world.store.read() as state:
            every = [] if names else state.tenants()
            tenants = [state.tenant(name) for name in names] if names else [t for t in every if t.status in UP]
            stopped = stopped_midway(self._context, state, [t for t in every if t.status not in (*UP, *DOWN)])
            concerns = backup_concerns(self._context, state, tenants)
        found: dict[str, TenantHealth] = {}
        hosts = [self._of(host, tenants) for host in dict.fromkeys(tenant.host for tenant in tenants)]
        for answers in at_once(lambda host: self._ask(host, alone=len(hosts) == 1), hosts):
            found |= answers
        reports = tuple(found[tenant.name] for tenant in tenants)
        self._remember(reports)
        judged = [_with(report, concerns.get(report.name, ())) for report in reports]
        if stopped:
            judged = sorted((*judged, *stopped), key=lambda report: report.name)
        return HealthReport(all(report.healthy for report in judged), tuple(judged))

    def _of(self, host: str, tenants: list[Tenant]) -> Asked:
        """Everything that needs the state is found before hosts are asked at the same time."""
        return Asked(host, self._world.engine(host), self._world.access(host), [one for one in tenants if one.host == host])

    def _ask(self, asked: Asked, *, alone: bool) -> dict[str, TenantHealth]:
        tenants = asked.tenants
        try:
            workloads = asked.engine.workloads(tenants[0].name if len(tenants) == 1 else None)
            checks = [self._check(tenant, workloads) for tenant in tenants]
            targets = from_here([target for check in checks for target in check.targets], asked.access)
        except Unreachable as error:
            if asked.host == LOCAL and alone:
                raise
            lost = (ComponentHealth("host", "host", "unreachable", False, None, error.message),)
            return {tenant.name: TenantHealth(tenant.name, False, lost) for tenant in tenants}
        results = iter(self._world.health.probe(targets))
        return {each.tenant.name: self._judged(each, {t.component: next(results) for t in each.targets}) for each in checks}

    def _check(self, tenant: Tenant, workloads: list[Workload]) -> Check:
        current = (tenant.layer("data"), tenant.layer("app"))
        mine = {w.component: w for w in workloads if w.reference in current}
        targets = probe_targets(tenant, self._world.catalog.edition(tenant.edition))
        worth_asking = [t for t in targets if t.component in mine and mine[t.component].state == "running"]
        return Check(tenant, mine, (*worth_asking, _route_target(tenant)))

    def _judged(self, check: Check, answers: Answers) -> TenantHealth:
        edition = self._world.catalog.edition(check.tenant.edition)
        lines = [
            _component(component.name, component.kind, check.workloads.get(component.name), answers.get(component.name))
            for component in edition.of_profile(check.tenant.profile)
        ]
        lines.append(_route(check.tenant, answers[EDGE]))
        return TenantHealth(check.tenant.name, all(line.healthy for line in lines), tuple(lines))

    def _remember(self, reports: tuple[TenantHealth, ...]) -> None:
        at = self._world.clock.now()
        with self._world.store.write() as state:
            for report in reports:
                if state.has_tenant(report.name):
                    state.save_health(report.name, report.components, at)


def _with(report: TenantHealth, concerns: tuple[ComponentHealth, ...]) -> TenantHealth:
    """What is wrong with the backups is said, not remembered: it is known from the state at any time."""
    return TenantHealth(report.name, report.healthy and not concerns, (*report.components, *concerns))


def _route_target(tenant: Tenant) -> ProbeTarget:
    """The entry service's health path at the public port; a suspended tenant's route is right when it answers 503."""
    expect = tuple(range(200, 400)) if mode_of(tenant.status) == "serving" else (503,)
    return ProbeTarget(EDGE, EDGE, Probe("http", EDGE, "/health", expect), "127.0.0.1", tenant.public_port)


def _route(tenant: Tenant, answer: ProbeResult) -> ComponentHealth:
    state = mode_of(tenant.status) if answer.healthy else "failing"
    return ComponentHealth(EDGE, EDGE, state, answer.healthy, answer.latency_ms, "" if answer.healthy else answer.detail)


def _component(name: str, kind: str, workload: Workload | None, answer: ProbeResult | None) -> ComponentHealth:
    if workload is None:
        return ComponentHealth(name, kind, "absent", False, None, "no container")
    if workload.state != "running":
        return ComponentHealth(name, kind, workload.state, False, None, _why_not_running(workload))
    if answer is None:
        healthy = workload.health in ("healthy", "none")
        return ComponentHealth(
            name, kind, workload.state, healthy, None, "" if healthy else f"the container's own check: {workload.health}"
        )
    if answer.healthy and workload.health == "unhealthy":
        return ComponentHealth(name, kind, workload.state, False, answer.latency_ms, "the container's own check fails")
    return ComponentHealth(name, kind, workload.state, answer.healthy, answer.latency_ms, "" if answer.healthy else answer.detail)


def _why_not_running(workload: Workload) -> str:
    if workload.out_of_memory:
        return "ran out of memory"
    return f"exit code {workload.exit_code}" if workload.state == "exited" else ""
