"""Whether backups that should have run did, and whether the newest could be brought back: a backup that nobody misses is none."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from looma_cli.model.backup import BackupMark
from looma_cli.model.health import ComponentHealth
from looma_cli.model.protocols import State
from looma_cli.model.schedule import BACKUPS, Schedule
from looma_cli.model.tenant import SERVING, Tenant
from looma_cli.usecases.context import Context

COMPONENT = "backup"


def backup_concerns(context: Context, state: State, tenants: Sequence[Tenant]) -> dict[str, tuple[ComponentHealth, ...]]:
    """By tenant, of those that should run: ``overdue`` where a schedule is installed and a set is missing, ``unproven`` where the last
    proof of the newest set failed. Those without a concern are not in it."""
    clock = context.world.clock
    now = clock.now().astimezone(clock.zone())
    schedule = state.schedule(BACKUPS)
    newest = {mark.tenant: mark for mark in state.newest_backup_marks()}
    found: dict[str, tuple[ComponentHealth, ...]] = {}
    for tenant in tenants:
        if tenant.status not in SERVING:
            continue
        mark = newest.get(tenant.name)
        lines = [_overdue(state, schedule, tenant, mark, now)] if schedule else []
        lines += [_unproven(mark)] if mark and mark.problem else []
        if concerns := tuple(line for line in lines if line is not None):
            found[tenant.name] = concerns
    return found


def _overdue(state: State, schedule: Schedule, tenant: Tenant, mark: BackupMark | None, now: datetime) -> ComponentHealth | None:
    """By complete sets; all of a tenant's are looked at only where the newest is none."""
    last = mark.created_at if mark else None
    if mark and mark.partial:
        last = max((one.created_at for one in state.backup_marks(tenant.name) if not one.partial), default=None)
    if not schedule.is_overdue(last, tenant.created_at, now):
        return None
    age = f"the last complete backup is {_age(now, last)} old" if last else "there is no complete backup"
    return _concern("overdue", f"{age}, one should run every {schedule.every_hours}h: looma backup create {tenant.name}")


def _unproven(mark: BackupMark) -> ComponentHealth:
    return _concern("unproven", f"the last proof of {mark.id} failed: {mark.problem}: looma backup verify {mark.id}")


def _concern(state: str, detail: str) -> ComponentHealth:
    return ComponentHealth(COMPONENT, COMPONENT, state, False, None, detail)


def _age(now: datetime, then: datetime) -> str:
    hours = (now - then).total_seconds() / 3600
    return f"{hours:.0f}h" if hours < 48 else f"{hours / 24:.0f}d"
