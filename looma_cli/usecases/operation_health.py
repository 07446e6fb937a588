"""Tenants whose operation has stopped in the middle: nobody brings them on but an operator, who has to hear of them."""

from __future__ import annotations

from collections.abc import Sequence

from looma_cli.model.health import ComponentHealth, TenantHealth
from looma_cli.model.protocols import State
from looma_cli.model.tenant import Tenant
from looma_cli.usecases.context import Context
from looma_cli.usecases.operations import judged

COMPONENT = "operation"
STOPPED = ("paused", "interrupted")


def stopped_midway(context: Context, state: State, tenants: Sequence[Tenant]) -> list[TenantHealth]:
    """Of these tenants, those with an operation that is paused or interrupted, each with one line that says how to go on."""
    if not tenants:
        return []
    names = {tenant.name for tenant in tenants}
    found = [judged(context, state, one) for one in state.operations(open_only=True) if one.tenant in names]
    return [TenantHealth(one.tenant, False, (_line(one.status, one.kind, one.id),)) for one in found if one.status in STOPPED]


def _line(status: str, kind: str, id: str) -> ComponentHealth:
    return ComponentHealth(COMPONENT, COMPONENT, status, False, None, f"{kind}: looma operation resume {id}")
