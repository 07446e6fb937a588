"""Letting go of layers that a tenant has left, once their time is over."""

from __future__ import annotations

from collections.abc import Sequence

from looma_cli.errors import Cancelled, LoomaError, Paused
from looma_cli.model.operation import Plan
from looma_cli.model.protocols import State
from looma_cli.model.tenant import LayerReference
from looma_cli.plan.restore import plan_retire
from looma_cli.usecases.changing import change
from looma_cli.usecases.context import Context


def retire(context: Context, tenant: str | None = None, *, everything: bool = False, dry_run: bool = False) -> list[Plan]:
    """Remove left layers whose time is over (``everything``: at once), tenant by tenant. Raises the first tenant's error when all have had
    their turn."""
    now = context.world.clock.now()
    with context.world.store.read() as state:
        due = [kept for kept in state.kept_layers(tenant) if everything or kept.keep_until <= now]
    plans, errors = [], []
    for name, host in dict.fromkeys((kept.reference.tenant, kept.host) for kept in due):
        try:
            mine = [kept.reference for kept in due if (kept.reference.tenant, kept.host) == (name, host)]
            plan = _retire(context, name, host, mine, dry_run)
        except (Cancelled, Paused):
            raise
        except LoomaError as error:  # somebody works on that one: the others' time is over all the same
            errors.append(error)
        else:
            plans += [plan] if plan else []
    if errors:
        raise errors[0]
    return plans


def retire_overdue(context: Context, tenant: str) -> None:
    """Of one tenant, on the way to something else, which it must not keep from being done."""
    try:
        retire(context, tenant)
    except (Cancelled, Paused):
        raise
    except LoomaError as error:
        context.reporter.warn(f"layers that {tenant} has left could not be removed: {error.message}")


def _retire(context: Context, name: str, host: str, references: Sequence[LayerReference], dry_run: bool) -> Plan | None:
    order = sorted(references, key=lambda one: one.layer != "app")  # services before their datastores
    context.world.engine(host).workloads(name)  # one that cannot be reached must not leave an operation that waits for it

    def decide(state: State) -> Plan | None:
        held = {kept.reference for kept in state.kept_layers(name) if kept.host == host}
        left = [one for one in order if one in held]
        away = state.tenant(name).host != host and held == set(left)
        return plan_retire(name, host, left, moved=away) if left else None

    return change(context, name, "tenant.retire", host, decide, dry_run=dry_run)
