"""A switch tried on a shadow of the tenant, which serves on meanwhile and is not touched."""

from __future__ import annotations

from dataclasses import replace

from looma_cli.model.backup import Backup, BackupManifest
from looma_cli.model.operation import Operation, Plan
from looma_cli.model.protocols import State
from looma_cli.model.switch import Rehearsal, SwitchRequest
from looma_cli.model.tenant import Tenant
from looma_cli.plan.reallocate import Refused
from looma_cli.plan.rehearsal import FRESH, KIND, plan_rehearsal, refuse_no_shadow, report
from looma_cli.steps.backups import CERTIFICATE_KEY, BackupStores
from looma_cli.steps.sets import read_set
from looma_cli.usecases.backups import BackupUseCases, opened_secrets
from looma_cli.usecases.changing import change
from looma_cli.usecases.context import Context, held_on, observe_host
from looma_cli.usecases.operations import OperationUseCases
from looma_cli.usecases.replanning import replanning
from looma_cli.usecases.scratch import remove_left, scratch_of
from looma_cli.usecases.switching import SwitchUseCases, last_operation, room_on


class RehearsalUseCases:
    def __init__(self, context: Context, backups: BackupUseCases, switches: SwitchUseCases, operations: OperationUseCases) -> None:
        self._context = context
        self._world = context.world
        self._backups = backups
        self._switches = switches
        self._operations = operations

    def rehearse(self, request: SwitchRequest, *, dry_run: bool = False, wait_seconds: float = 0) -> Rehearsal | Plan:
        """Raises as the switch itself would where it is not allowed, Conflict where there is no room for the shadow, BackupFailed, and
        OperationFailed for what the switch would have failed with."""
        real = self._switches.switch(request, dry_run=True)
        assert isinstance(real, Plan)  # a dry run
        with self._world.store.read() as state:
            tenant = state.tenant(request.tenant)
        if not dry_run:
            remove_left(self._context, self._operations, KIND)
        source, target = self._world.catalog.edition(tenant.edition), self._world.catalog.edition(request.edition)
        refuse_no_shadow(tenant, source, target, request.data, room_on(self._context, tenant))
        backup = self._fresh(tenant) or self._backups.create(tenant.name, dry_run=dry_run, wait_seconds=wait_seconds)
        if isinstance(backup, Plan):
            return replace(backup, kind=KIND, changes=(*backup.changes, f"~ {real.changes[0][2:]} rehearsed on a copy from that backup"))
        manifest = read_set(self._world.repository(backup.location), backup.id)
        plan = self._run(request, tenant, manifest, dry_run)
        if dry_run:
            return plan
        rehearsed = last_operation(self._context, plan.tenant, KIND)
        return report(request, tenant, manifest, rehearsed, self._maker(tenant.name, backup.id), real.warnings)

    def _run(self, request: SwitchRequest, tenant: Tenant, manifest: BackupManifest, dry_run: bool) -> Plan:
        context, world = self._context, self._world
        source, target = world.catalog.edition(tenant.edition), world.catalog.edition(request.edition)
        sealed = opened_secrets(context, manifest)
        sealed.pop(CERTIFICATE_KEY, None)
        stores, room = self._switches.stores(tenant, target), room_on(context, tenant)
        behind = self._switches.behind(tenant, source, target)

        def attempt(refused: Refused) -> Plan | None:
            shadow = shadow_of(tenant, manifest, context)
            seen = observe_host(context, tenant.host, engine=True)

            def decide(state: State) -> Plan:
                state.backup(manifest.backup.id)  # not pruned meanwhile; from here on it is in use
                return plan_rehearsal(
                    request,
                    tenant,
                    shadow,
                    manifest,
                    source,
                    target,
                    stores,
                    room,
                    seen,
                    held_on(state, tenant.host),
                    context.limits,
                    sealed=sealed,
                    behind=behind,
                    registry=context.registry,
                    edge_image=context.edge_image(tenant.images),
                    support_images=context.support_images(tenant.images),
                )

            return change(context, shadow.name, KIND, tenant.host, decide, dry_run=dry_run, about=tenant.name)

        plan = replanning(context, tenant.host, attempt)
        assert plan is not None  # there is always something to do
        return plan

    def _fresh(self, tenant: Tenant) -> Backup | None:
        """A complete set that is young enough, of the tenant as it is."""
        oldest = self._world.clock.now() - FRESH
        here = self._context.backup_location(tenant.name)
        for backup in self._backups.list(tenant.name):
            known = (backup.edition, backup.release, backup.location) == (tenant.edition, tenant.release, here)
            if known and backup.created_at >= oldest and not backup.partial and not backup.problem:
                return backup
        return None

    def _maker(self, tenant: str, backup: str) -> Operation | None:
        """The operation that made the set."""
        with self._world.store.read() as state:
            operations = state.operations(tenant=tenant)
        for operation in operations:
            if any(step.name == BackupStores.name and step.params["backup"] == backup for step in operation.plan.steps):
                return operation
        return None


def shadow_of(tenant: Tenant, manifest: BackupManifest, context: Context) -> Tenant:
    """The record of a shadow: hidden from lists, without public port, hostname and certificate; otherwise as the tenant is."""
    scratch = scratch_of(manifest, context.world.clock.now())
    return replace(
        scratch,
        display_name=f"rehearsal of {tenant.name}",
        host=tenant.host,
        address=tenant.address,
        images=tenant.images,
        settings=tenant.settings,
        port_policy="block",
    )
