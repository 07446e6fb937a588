"""The one way in which anything is changed: under the tenant's lease, decide inside an exclusive transaction, save, run."""

from __future__ import annotations

import secrets
from collections.abc import Callable

from looma_cli.errors import Held
from looma_cli.model.operation import ABOUT, Operation, Plan, StepRecord
from looma_cli.model.protocols import State
from looma_cli.usecases.context import Context

Decide = Callable[[State], Plan | None]


def change(
    context: Context,
    tenant: str,
    kind: str,
    host: str,
    decide: Decide,
    *,
    dry_run: bool = False,
    wait_seconds: float = 0,
    id: str | None = None,
    about: str | None = None,
) -> Plan | None:
    """Run what ``decide`` says about the state as it is now; returns the plan, or None when there is nothing to do. ``id`` is the
    operation's where it must be a certain one; ``about`` the tenant it is about, where ``tenant`` is but a scratch stack for it.

    Raises Held while another operation, alive or interrupted, has the tenant.
    """
    if dry_run:
        with context.world.store.read() as state:
            return decide(state)
    id = id or new_operation_id()
    with context.world.leases.hold(f"tenant:{tenant}", id, kind, wait_seconds=wait_seconds) as lease:
        context.children.lease = lease
        runner = context.runner()
        try:
            with context.world.store.write() as state:
                refuse_open(state, tenant)
                plan = decide(state)
                operation = None if plan is None else runner.begin(state, _operation(context, id, host, plan, about))
            if operation is not None:
                runner.first(operation)
                lease.committed()
            return plan
        finally:
            context.children.lease = None


def refuse_open(state: State, tenant: str) -> None:
    """Raises Held when an unfinished operation of the tenant waits for a resume or rollback."""
    operation = state.open_operation(tenant)
    if operation is not None:
        raise Held(
            f"operation {operation.id} ({operation.kind}) of tenant {tenant} was interrupted",
            f"looma operation resume {operation.id}, or: looma operation rollback {operation.id}",
            operation=operation.id,
        )


def new_operation_id() -> str:
    return "op-" + secrets.token_hex(5)


def _operation(context: Context, id: str, host: str, plan: Plan, about: str | None) -> Operation:
    steps = tuple(StepRecord(step.name) for step in plan.steps)
    result = {ABOUT: about} if about else {}
    return Operation(id, plan.kind, plan.tenant, host, "pending", plan, steps, context.world.clock.now(), result=result)
