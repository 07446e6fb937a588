"""What a timer calls: every tenant's backup that is due, its copy off the machine, and what the policy does not keep forgotten.

Each tenant is its own operation under its own lease, as if it were backed up alone; a failure is that tenant's. Two of these at once do
nothing twice: whether a backup is due is asked again in the transaction that decides.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime

from looma_cli.errors import Cancelled, Held, LoomaError, OperationFailed, Paused
from looma_cli.model.backup import Backup
from looma_cli.model.operation import Plan
from looma_cli.model.protocols import State
from looma_cli.model.reporting import SilentReporter
from looma_cli.model.schedule import BACKUPS, EVERY_HOURS, FULL_AT, Schedule
from looma_cli.model.tenant import SERVING, Tenant
from looma_cli.plan.backups import NewBackup, plan_backup
from looma_cli.usecases.backups import BackupUseCases, new_backup_id
from looma_cli.usecases.changing import change
from looma_cli.usecases.context import Context
from looma_cli.usecases.operations import OperationUseCases
from looma_cli.usecases.restoring import RestoreUseCases

PARALLEL = 2
OWN = ("backup.create", "backup.copy", "backup.prune", "tenant.retire")  # what a killed run may have left, with nobody to finish it


@dataclass(frozen=True, slots=True)
class DueResult:
    """What became of one tenant: ``status`` is done, not_due, planned, held (by an operation that lives) or failed. ``errors``: of the
    backup, or of what comes after it; then ``backup`` is there all the same."""

    tenant: str
    status: str
    kind: str = ""
    backup: Backup | None = None
    plan: Plan | None = None
    copied: int | None = None
    forgotten: tuple[str, ...] = ()
    errors: tuple[LoomaError, ...] = ()


class DueBackups:
    def __init__(self, context: Context) -> None:
        self._context = context
        self._world = context.world

    def run(self, *, parallel: int = PARALLEL, dry_run: bool = False) -> Iterator[DueResult]:
        """A result for each tenant that should run, as it comes. Raises Cancelled after Ctrl-C, once the tenants under way are done."""
        schedule = self._schedule()
        names = self._names()
        workers = self._context.workers
        if dry_run:
            yield from (self._planned(name, schedule) for name in names)
            return
        if workers is None or min(parallel, len(names)) < 2:
            yield from self._here(names, schedule)
        else:
            yield from self._shared(names, schedule, parallel)
        yield from self._retired()

    def _schedule(self) -> Schedule:
        """The one installed, else the seeds'."""
        with self._world.store.read() as state:
            return state.schedule(BACKUPS) or Schedule(BACKUPS, FULL_AT, EVERY_HOURS, "", self._world.clock.now())

    def _names(self) -> list[str]:
        with self._world.store.read() as state:
            return [tenant.name for tenant in state.tenants() if tenant.status in SERVING]

    def _local_now(self) -> datetime:
        clock = self._world.clock
        return clock.now().astimezone(clock.zone())

    # one after the other, or several at once
    def _here(self, names: Sequence[str], schedule: Schedule) -> Iterator[DueResult]:
        for number, name in enumerate(names):
            if self._context.stop_requested():
                raise _cancelled(len(names) - number, len(names))
            yield self._turn(self._context, name, schedule)

    def _shared(self, names: Sequence[str], schedule: Schedule, parallel: int) -> Iterator[DueResult]:
        """Among processes, since a lease knows one outside program of one process. One tenant for each: none waits behind a long one."""
        assert self._context.workers is not None
        waiting, under_way = list(range(len(names))), 0

        def work(number: int) -> DueResult:
            try:
                return self._turn(replace(self._context, reporter=SilentReporter()), names[number], schedule)
            except LoomaError as error:
                return DueResult(names[number], "failed", errors=(error,))

        with self._context.workers.at_work(work, min(parallel, len(names))) as crew:
            while under_way or (waiting and crew.alive and not self._context.stop_requested()):
                while waiting and under_way < parallel and crew.alive and not self._context.stop_requested():
                    self._context.reporter.note(f"{names[waiting[0]]}: saving")
                    crew.give(waiting.pop(0))
                    under_way += 1
                for number, answer in crew.take():
                    under_way -= 1
                    yield answer or DueResult(names[number], "failed", errors=(_lost(names[number]),))
        if waiting and self._context.stop_requested():
            raise _cancelled(len(waiting), len(names))
        yield from self._here([names[number] for number in waiting], schedule)

    # one tenant
    def _planned(self, name: str, schedule: Schedule) -> DueResult:
        try:
            return self._backed_up(self._context, name, schedule, dry_run=True)
        except LoomaError as error:
            return _failure(name, error)

    def _turn(self, context: Context, name: str, schedule: Schedule) -> DueResult:
        try:
            self._finish_own(context, name)
            result = self._backed_up(context, name, schedule)
        except Cancelled:
            raise
        except LoomaError as error:
            with suppress(LoomaError):  # what is paused, since the repository is gone say, would hold the tenant until somebody comes
                self._finish_own(context, name)
            return _failure(name, error)
        except Exception as error:  # noqa: BLE001  a defect met by one tenant is that tenant's
            return _failure(name, OperationFailed(f"{type(error).__name__}: {error}", "see --debug"))
        return self._kept(context, result) if result.backup else result

    def _finish_own(self, context: Context, name: str) -> None:
        """An earlier run that was killed left its operation: nobody else would finish it, and no backup could be taken ever after."""
        operations = OperationUseCases(context)
        for operation in operations.list(name):
            if operation.kind in OWN and operation.status in ("interrupted", "paused"):
                finish = operations.rollback if operation.kind == "backup.create" else operations.resume
                finish(operation.id)

    def _backed_up(self, context: Context, name: str, schedule: Schedule, *, dry_run: bool = False) -> DueResult:
        kind = schedule.last_slot(self._local_now())[1]
        new = NewBackup(new_backup_id(), context.backup_location(name), kind)

        def decide(state: State) -> Plan | None:
            tenant = state.tenant(name) if state.has_tenant(name) else None
            if tenant is None or not self._is_due(state, tenant, schedule):
                return None
            return plan_backup(tenant, self._world.catalog.edition(tenant.edition), new)

        with self._world.store.read() as state:
            host = state.tenant(name).host
            due = decide(state) is not None
        plan = change(context, name, "backup.create", host, decide, dry_run=dry_run) if due else None
        if plan is None:
            return DueResult(name, "not_due")
        if dry_run:
            return DueResult(name, "planned", kind, plan=plan)
        return DueResult(name, "done", kind, BackupUseCases(context).show(new.id))

    def _is_due(self, state: State, tenant: Tenant, schedule: Schedule) -> bool:
        """By complete sets: one that lacks a datastore does not stand for the backup that should have been."""
        last = max((mark.created_at for mark in state.backup_marks(tenant.name) if not mark.partial), default=None)
        return tenant.status in SERVING and schedule.is_due(last, self._local_now())

    def _kept(self, context: Context, result: DueResult) -> DueResult:
        """The copy and the policy, each whatever became of the other."""
        backups = BackupUseCases(context)
        copied, errors = None, []
        try:
            if context.backup_copy:
                plan = backups.copy(result.tenant, context.backup_copy)
                copied = len(plan.steps[0].params["backups"]) if plan else 0
        except Cancelled:
            raise
        except LoomaError as error:
            errors.append(error)
        forgotten: dict[str, None] = {}
        for place in backups.places(result.tenant, copied=copied is not None):
            try:
                forgotten |= dict.fromkeys(backup.id for backup in backups.prune(result.tenant, location=place)[1])
            except Cancelled:
                raise
            except LoomaError as error:
                errors.append(error)
        status = "failed" if errors else result.status
        return replace(result, status=status, copied=copied, forgotten=tuple(forgotten), errors=tuple(errors))

    # what restores left
    def _retired(self) -> Iterator[DueResult]:
        """Layers whose time is over, of whichever tenant; only what failed is worth a line."""
        restores = RestoreUseCases(self._context, BackupUseCases(self._context))
        with self._world.store.read() as state:
            due = [kept.reference.tenant for kept in state.kept_layers() if kept.keep_until <= self._world.clock.now()]
        for name in dict.fromkeys(due):
            try:
                restores.retire(name)
            except Cancelled:
                raise
            except LoomaError as error:
                yield _failure(name, error)


def _failure(name: str, error: LoomaError) -> DueResult:
    """Held by somebody who lives is no failure of ours; an interrupted operation would hold it for ever."""
    held = isinstance(error, Held) and "owner" in error.details
    return DueResult(name, "held" if held else "failed", errors=(error,))


def _cancelled(left: int, all_: int) -> Cancelled:
    return Cancelled(f"interrupted; {left} of {all_} tenants are left", "run the same command again: it goes on with them")


def _lost(name: str) -> LoomaError:
    return Paused(f"the process that backed up {name} was killed", "the next run makes up for it: looma backup run --due")
