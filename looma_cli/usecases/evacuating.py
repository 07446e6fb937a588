"""Bringing the tenants of a host that is gone back on others, each from its last backup."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from looma_cli.errors import NotAllowed, Unreachable
from looma_cli.model.backup import Backup
from looma_cli.model.host import Reservation
from looma_cli.model.move import EVACUATE, DrainPlan, Leaving, Staying
from looma_cli.model.operation import Plan
from looma_cli.model.placing import footprint
from looma_cli.model.protocols import State
from looma_cli.model.switch import Room
from looma_cli.model.tenant import LayerReference, Tenant
from looma_cli.plan.evacuate import plan_evacuate
from looma_cli.plan.move import Arrival
from looma_cli.plan.reallocate import Refused
from looma_cli.steps.sets import read_set
from looma_cli.usecases.changing import change
from looma_cli.usecases.context import LOCAL, Context, held_on, host_record, observe_host
from looma_cli.usecases.draining import Drain
from looma_cli.usecases.health import HealthUseCases
from looma_cli.usecases.hosts import HostUseCases
from looma_cli.usecases.moving import Reserve, own_ports, refuse_cordoned
from looma_cli.usecases.placing import Placer
from looma_cli.usecases.replanning import replanning
from looma_cli.usecases.restoring import layers_on
from looma_cli.usecases.rollout import PARALLEL
from looma_cli.usecases.switching import taken_generations

KEEP_SECONDS = 7 * 86_400.0


class EvacuateUseCases:
    def __init__(self, context: Context, health: HealthUseCases) -> None:
        self._context = context
        self._world = context.world
        self._health = health

    def plan(self, host: str, to: str | None = None) -> DrainPlan:
        """Who comes back from which set, and who cannot. Raises NotFound, NotAllowed for a host that answers, or that looma runs on."""
        host_record(self._context, host)
        if to is not None:
            refuse_cordoned(self._context, to)
        self._refuse_alive(host)
        with self._world.store.read() as state:
            here = [t for t in (*state.tenants(), *state.tenants(platform=True)) if t.host == host]
            sets = {t.name: _last(state, t) for t in here}
        leaving = [Leaving(t, backup=sets[t.name]) for t in here if sets[t.name] and not t.platform and t.status != "deleting"]
        names = {member.name for member in leaving}
        staying = [Staying(t, _why(t)) for t in here if t.name not in names]
        return DrainPlan(host, to, tuple(leaving), tuple(staying))

    def _refuse_alive(self, host: str) -> None:
        if host == LOCAL:
            raise NotAllowed("local is this machine: it is not gone", "looma host drain local moves its tenants while they serve")
        try:
            self._world.engine(host).workloads()
        except Unreachable:
            return
        raise NotAllowed(f"host {host} answers: its tenants need no backup", f"looma host drain {host} moves them while they serve")

    def shown(self, plan: DrainPlan) -> Plan:
        """As ``--dry-run`` prints it: no operation has this plan, every tenant has its own."""
        now, to = self._world.clock.now(), plan.to or "where placement finds room"
        lines = [f"~ host {plan.host} takes no new tenants"]
        for one in plan.members:
            assert one.backup is not None
            proven = f"proven {_age(now, one.backup.verified_at)} ago" if one.backup.verified_at else "never proven"
            lines.append(f"~ {one.name}: {plan.host} -> {to}, from its backup of {_age(now, one.backup.created_at)} ago ({proven})")
        lost = tuple(f"{one.tenant.name} is not recoverable: {one.reason}" for one in plan.left_out)
        return Plan(EVACUATE, "", (), 0, tuple(lines), lost)

    def evacuate(self, plan: DrainPlan, *, keep_seconds: float = KEEP_SECONDS, parallel: int = PARALLEL) -> Evacuation:
        """Cordons the host first; then ``run`` it. One that fails keeps no other from coming back."""
        HostUseCases(self._context).cordon(plan.host, cordoned=True)
        under_way = Evacuation(self._context, self._health, plan, max_failures=len(plan.members), parallel=parallel)
        under_way.keep_seconds = keep_seconds
        return under_way


class Evacuation(Drain):
    """Under way. The same command again goes on with those that are still on that host."""

    doing, did = "bringing back", "brought back"
    keep_seconds = KEEP_SECONDS

    def _begun(self, member: Leaving) -> str:  # type: ignore[override]
        assert member.backup is not None
        return f"bringing back from backup {member.backup.id}"

    def _bring(self, context: Context, member: Leaving) -> None:  # type: ignore[override]
        assert member.backup is not None
        give_up(context, member.name, self._plan.host)
        Return(context, member.tenant, member.backup, self.keep_seconds).to(self._plan.to)


def give_up(context: Context, tenant: str, host: str) -> None:
    """An operation that waits for a host that is gone is over. Raises Held while its holder is alive."""
    world = context.world
    with world.leases.hold(f"tenant:{tenant}", None, EVACUATE), world.store.write() as state:
        operation = state.open_operation(tenant)
        if operation is not None:
            over = f"host {host} was evacuated"
            state.save_operation(replace(operation, status="failed", finished_at=world.clock.now(), error=over))


class Return:
    """One tenant, from one set."""

    def __init__(self, context: Context, tenant: Tenant, backup: Backup, keep_seconds: float) -> None:
        self._context = context
        self._world = context.world
        self._tenant = tenant
        self._keep_seconds = keep_seconds
        self._manifest = read_set(self._world.repository(backup.location), backup.id)

    def to(self, host: str | None) -> Plan | None:
        edition = self._world.catalog.edition(self._tenant.edition)
        if host is None:
            return Placer(self._context).elsewhere(self._tenant, edition, self._come, {})
        need = footprint(edition, self._tenant.profile)
        return self._come(host, lambda state: Reservation(host, 0, self._tenant.name, need.memory_bytes, need.disk_bytes))

    def _come(self, host: str, reserve: Reserve) -> Plan | None:
        name = self._tenant.name

        def attempt(refused: Refused) -> Plan | None:
            seen = observe_host(self._context, host, engine=True)
            there = layers_on(self._world.engine(host), name)

            def decide(state: State) -> Plan:
                now = state.tenant(name)
                return plan_evacuate(
                    now,
                    self._manifest,
                    self._world.catalog.edition(now.edition),
                    Arrival(seen, held_on(state, host), Room(0, 0), reserve(state), own_ports(state, host, name)),
                    self._context.limits,
                    keep_seconds=self._keep_seconds,
                    behind=_behind(state, now),
                    left=taken_generations(state, name, there),
                    registry=self._context.registry,
                    edge_image=self._context.edge_image(now.images),
                    support_images=self._context.support_images(now.images),
                )

            return change(self._context, name, EVACUATE, host, decide)

        return replanning(self._context, host, attempt)


def _behind(state: State, tenant: Tenant) -> dict[str, list[LayerReference]]:
    """All layers of which anything may be somewhere, by host, services first: the tenant's own, and those that an operation had begun."""
    rows = (*state.allocations(tenant=tenant.name), *state.subnets(tenant=tenant.name))
    begun = {(row.host, LayerReference(tenant.name, row.layer, row.generation)) for row in rows if row.layer in ("data", "app")}
    begun |= {(tenant.host, tenant.layer("data")), (tenant.host, tenant.layer("app"))}
    kept = {one.reference for one in state.kept_layers(tenant.name)}
    found: dict[str, list[LayerReference]] = {}
    for host, one in sorted(begun, key=lambda pair: (pair[0], pair[1].layer != "app", pair[1].generation)):
        if one not in kept:
            found.setdefault(host, []).append(one)
    return found


def _last(state: State, tenant: Tenant) -> Backup | None:
    """The newest complete set that is not known to be bad."""
    return next((one for one in state.backups(tenant.name) if not one.partial and not one.problem), None)


def _why(tenant: Tenant) -> str:
    if tenant.platform:
        return "it is the provider's own stack: looma core up starts another"
    return "it is being deleted" if tenant.status == "deleting" else "it has no complete backup"


def _age(now: datetime, then: datetime) -> str:
    seconds = (now - then).total_seconds()
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"
