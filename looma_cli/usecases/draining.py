"""Moving all tenants away from a host that runs: each an operation of its own, several at once, as in a fleet's upgrade."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from looma_cli.errors import NotAllowed
from looma_cli.model.fleet import FleetResult
from looma_cli.model.move import MOVE, DrainPlan, Leaving, MoveRequest, Staying
from looma_cli.model.operation import OPEN_STATUSES, Operation, Plan
from looma_cli.model.tenant import SERVING, Tenant
from looma_cli.usecases.context import Context, host_record
from looma_cli.usecases.health import HealthUseCases
from looma_cli.usecases.hosts import HostUseCases
from looma_cli.usecases.moving import MoveUseCases, refuse_cordoned
from looma_cli.usecases.operations import OperationUseCases
from looma_cli.usecases.rollout import PARALLEL, Rollout, known_of


class DrainUseCases:
    def __init__(self, context: Context, health: HealthUseCases, operations: OperationUseCases) -> None:
        self._context = context
        self._world = context.world
        self._health = health
        self._operations = operations

    def plan(self, host: str, to: str | None = None) -> DrainPlan:
        """Who would leave, as the state is now. Raises NotFound, NotAllowed for a target that is cordoned or the host itself."""
        host_record(self._context, host)
        if to == host:
            raise NotAllowed(f"--to {to} is the host that is to be drained", "looma host list shows the others")
        if to is not None:
            refuse_cordoned(self._context, to)
        opened = {operation.tenant: operation for operation in self._operations.list()}
        with self._world.store.read() as state:
            tenants = [*state.tenants(), *state.tenants(platform=True)]
        leaving = [Leaving(t, _move_of(opened.get(t.name), host)) for t in tenants if _leaves(t, opened.get(t.name), host)]
        names = {member.name for member in leaving}
        staying = [Staying(t, _reason(t, opened.get(t.name))) for t in tenants if t.host == host and t.name not in names]
        return DrainPlan(host, to, tuple(leaving), tuple(staying))

    def shown(self, plan: DrainPlan) -> Plan:
        """As ``--dry-run`` prints it: no operation has this plan, every tenant has its own."""
        to = plan.to or "where placement finds room"
        lines = [f"~ host {plan.host} takes no new tenants"]
        lines += [f"~ {one.name}: {plan.host} -> {to}" + (f", going on with {one.operation}" * bool(one.operation)) for one in plan.members]
        return Plan("host.drain", "", (), 0, tuple(lines), tuple(f"{one.tenant.name} stays: {one.reason}" for one in plan.left_out))

    def drain(self, plan: DrainPlan, *, max_failures: int = 0, parallel: int = PARALLEL) -> Drain:
        """Cordons the host first; then ``run`` it."""
        HostUseCases(self._context).cordon(plan.host, cordoned=True)
        return Drain(self._context, self._health, plan, max_failures=max_failures, parallel=parallel)


class Drain(Rollout):
    """Under way. The same command again goes on."""

    doing, did = "moving", "moved"
    _plan: DrainPlan  # type: ignore[assignment]

    def run(self) -> Iterator[FleetResult]:
        yield from self._noted(self._upgraded(deque(self._plan.members)))  # type: ignore[arg-type]
        yield from self._noted(self._result(m, "not_begun") for m in self._plan.members if m.name not in self._results)

    def _begun(self, member: Leaving) -> str:  # type: ignore[override]
        return f"moving away from {self._plan.host}"

    def _bring(self, context: Context, member: Leaving) -> None:  # type: ignore[override]
        """A move that was going back when it was interrupted ends on the old host, so that it is begun once more."""
        operations = OperationUseCases(context)
        if member.operation and operations.show(member.operation).status in OPEN_STATUSES:
            operations.resume(member.operation)
        with self._world.store.read() as state:
            host = state.tenant(member.name).host
        if host == self._plan.host:
            MoveUseCases(context).move(MoveRequest(member.name, self._plan.to))

    def _result(self, member: Leaving, status: str, operation: Operation | None = None) -> FleetResult:  # type: ignore[override]
        with self._world.store.read() as state:
            now = state.tenant(member.name).host if state.has_tenant(member.name) else ""
        to = now if now != self._plan.host else self._plan.to or ""
        return FleetResult(member.name, status, self._plan.host, to, *known_of(operation))


def _leaves(tenant: Tenant, operation: Operation | None, host: str) -> bool:
    """Those that serve there, and those whose move away from there is not through."""
    if operation is not None:
        return _move_of(operation, host) is not None
    return tenant.host == host and tenant.status in SERVING and not tenant.platform


def _move_of(operation: Operation | None, host: str) -> str | None:
    return operation.id if operation is not None and (operation.kind, operation.host) == (MOVE, host) else None


def _reason(tenant: Tenant, operation: Operation | None) -> str:
    if tenant.platform:
        return "the provider's own stacks do not move"
    if operation is not None:
        return f"{operation.kind} is not through: looma operation resume {operation.id}"
    return f"it is {tenant.status}: only what serves can be moved"
