"""Backup sets: take, list, prove, copy and forget them."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from looma_cli.errors import Cancelled, Conflict, Held, LoomaError, NotAllowed, NotFound, Paused, Unreachable
from looma_cli.model.backup import Backup, BackupManifest, Retention
from looma_cli.model.operation import Plan, PlannedStep
from looma_cli.model.protocols import State
from looma_cli.model.tenant import LayerReference, Tenant
from looma_cli.model.world import World
from looma_cli.plan.backups import NewBackup, moved, plan_backup, plan_copy, plan_verify
from looma_cli.plan.observation import HostObservation
from looma_cli.plan.reallocate import Refused
from looma_cli.steps.backups import CERTIFICATE_KEY
from looma_cli.steps.listing import listed
from looma_cli.steps.sets import MANIFEST, read_manifest, read_set
from looma_cli.usecases.changing import change
from looma_cli.usecases.context import LOCAL, Context, held_on, observe_host
from looma_cli.usecases.pruning import prune
from looma_cli.usecases.replanning import replanning
from looma_cli.usecases.retiring import retire_overdue
from looma_cli.usecases.scratch import remove_left, scratch_of

VERIFY = "backup.verify"
SEEDS_POLICY = Retention(within="30d")  # the seeds: kept 30 days


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one tenant's or one set's turn; one of ``backup`` and ``error`` is given, or ``plan`` for a dry run."""

    tenant: str
    backup: Backup | None = None
    error: LoomaError | None = None
    plan: Plan | None = None


def new_backup_id() -> str:
    return "bk-" + secrets.token_hex(5)


class BackupUseCases:
    def __init__(self, context: Context) -> None:
        self._context = context
        self._world = context.world

    # looking
    def list(self, tenant: str | None = None, *, location: str | None = None) -> list[Backup]:
        """Newest first, as the state knows them; with ``location`` as that repository does (see ``repository_at``): without the parts of
        fingerprints, and one that cannot be read with its ``problem``."""
        if location is not None:
            return listed(self._world.repository(self.repository_at(location, tenant)), tenant)
        with self._world.store.read() as state:
            return state.backups(tenant)

    def manifests(self, location: str, tenant: str | None = None) -> Iterator[BackupManifest]:
        """Of the complete sets in a repository, newest first, each read when it is asked for. Raises NotFound where there is none,
        BackupTooNew."""
        repository = self._world.repository(location)
        wanted = {"part": MANIFEST} | ({"tenant": tenant} if tenant else {})
        return (read_manifest(repository, snapshot) for snapshot in reversed(repository.snapshots(wanted)))

    def repository_at(self, location: str, tenant: str | None) -> str:
        """A location that was named: one tenant's repository, or the place that has one for each tenant. Raises NotFound."""
        base = location.rstrip("/")
        for place in (base, *([f"{base}/{tenant}"] if tenant else [])):
            if self._world.repository(place).exists():
                return place
        raise NotFound(f"there is no backup repository at {base}", "name the tenant, or the tenant's own repository there")

    def show(self, id: str) -> Backup:
        with self._world.store.read() as state:
            return state.backup(id)

    def newest(self, tenant: str) -> Backup:
        """The tenant's last complete set, else its last one. Raises NotFound."""
        found = self.list(tenant)
        if not found:
            raise NotFound(f"{tenant} has no backup", f"looma backup create {tenant}")
        return next((backup for backup in found if not backup.partial), found[0])

    # taking
    def create(
        self, name: str, *, kind: str = "full", allow_partial: bool = False, dry_run: bool = False, wait_seconds: float = 0
    ) -> Backup | Plan:
        """One complete set of a tenant, or with ``allow_partial`` one that says what it lacks.

        Raises NotFound, NotAllowed, Held, BackupFailed, RepositoryUnreachable, WrongPassphrase.
        """
        with self._world.store.read() as state:
            tenant = state.tenant(name)
        new = NewBackup(new_backup_id(), self._context.backup_location(name), kind, allow_partial)

        def attempt(refused: Refused) -> Plan | None:
            seen = observe_host(self._context, tenant.host, engine=True) if refused else None

            def decide(state: State) -> Plan:
                now = state.tenant(name)
                up = data_up(self._world, now)
                first = moved_away(self._context, state, now, seen, refused) if seen and not up else []
                return plan_backup(now, self._world.catalog.edition(now.edition), new, up=up, first=first)

            return change(self._context, name, "backup.create", tenant.host, decide, dry_run=dry_run, wait_seconds=wait_seconds)

        plan = replanning(self._context, tenant.host, attempt, keep=tenant.public_port)
        if not dry_run:
            retire_overdue(self._context, name)
        return plan if dry_run and plan else self.show(new.id)

    # proving
    def verify(self, id: str, *, quick: bool = False, dry_run: bool = False) -> Backup | Plan:
        """Restore a set into a scratch stack, compare every fingerprint, write the proof (or why there is none) down. What interrupted
        proofs of the tenant's sets left is removed first. The tenant itself is nobody's to wait for: its own operations go on.

        Raises NotFound, BackupFailed, RepositoryDamaged, WrongPassphrase, Held while the same set is being proven.
        """
        backup = self.show(id)
        if not dry_run:
            self._remove_left(backup.tenant)
        try:
            plan = self._prove(backup, quick, dry_run)
        except LoomaError as error:
            if not dry_run:
                note_problem(self._world, id, error)
            raise
        return plan if dry_run and plan else self.show(id)

    def _prove(self, backup: Backup, quick: bool, dry_run: bool) -> Plan | None:
        manifest = read_set(self._world.repository(backup.location), backup.id)
        sealed = opened_secrets(self._context, manifest)
        sealed.pop(CERTIFICATE_KEY, None)

        def attempt(refused: Refused) -> Plan | None:
            scratch = scratch_of(manifest, self._world.clock.now())
            seen = observe_host(self._context, LOCAL, engine=True)

            def decide(state: State) -> Plan:
                state.backup(backup.id)  # not pruned meanwhile; from here on it is in use
                refuse_proof_under_way(state, backup.id)
                return plan_verify(
                    scratch,
                    manifest,
                    self._world.catalog.edition(scratch.edition),
                    seen,
                    held_on(state, LOCAL),
                    self._context.limits,
                    sealed=sealed,
                    registry=self._context.registry,
                    support_images=[self._context.init_image(scratch.images)],
                    quick=quick,
                )

            return change(self._context, scratch.name, VERIFY, LOCAL, decide, dry_run=dry_run, about=backup.tenant)

        return replanning(self._context, LOCAL, attempt)

    def _remove_left(self, tenant: str) -> None:
        from looma_cli.usecases.operations import OperationUseCases  # needs the runner, which who only looks does not

        remove_left(self._context, OperationUseCases(self._context), VERIFY, tenant)

    def drill(self, budget_seconds: float, *, dry_run: bool = False) -> Iterator[Outcome]:
        """Prove the newest set of each tenant, those with the oldest proof first, until the time is up; at least one. Whatever becomes of
        one, also where it has to wait for somebody (Paused), the next one has its turn."""
        began = self._world.clock.now()
        for backup in self._least_proven():
            try:
                done = self.verify(backup.id, dry_run=dry_run)
            except Cancelled:
                raise
            except LoomaError as error:
                yield Outcome(backup.tenant, error=error)
            else:
                yield Outcome(backup.tenant, plan=done) if isinstance(done, Plan) else Outcome(backup.tenant, backup=done)
            if (self._world.clock.now() - began).total_seconds() >= budget_seconds:
                return

    def _least_proven(self) -> list[Backup]:
        sets = self.list()
        proofs: dict[str, datetime] = {}
        for backup in sets:
            if backup.verified_at is not None:
                proofs[backup.tenant] = max(backup.verified_at, proofs.get(backup.tenant, backup.verified_at))
        newest = [self.newest(tenant) for tenant in dict.fromkeys(backup.tenant for backup in sets)]
        return sorted(newest, key=lambda backup: (backup.tenant in proofs, proofs.get(backup.tenant, backup.created_at)))

    # keeping
    def prunable(self, tenant: str | None = None) -> list[tuple[str, str]]:
        """(tenant, repository) wherever there may be something to forget: its own, and the second place's where that is to be pruned. One
        that is not there is left out, unless the state knows sets in it."""
        with self._world.store.read() as state:
            known = {(backup.tenant, backup.location) for backup in state.backups(tenant)}
            names = {tenant} if tenant else {name for name, _ in known} | {one.name for one in state.tenants()}
        found = [(name, place) for name in sorted(names) for place in self.places(name)]
        return [(name, place) for name, place in found if (name, place) in known or self._may_exist(place)]

    def places(self, tenant: str, *, copied: bool = True) -> list[str]:
        """The tenant's repositories in which the policy holds; the second only where something was ``copied`` to it."""
        second = self._context.backup_copy if copied and self._context.backup_copy_prune else None
        places = [self._context.backup_location(tenant), *([second_place(second, tenant)] if second else [])]
        return list(dict.fromkeys(places))

    def _may_exist(self, location: str) -> bool:
        try:
            return self._world.repository(location).exists()
        except LoomaError:  # who prunes it will say so
            return True

    def prune(
        self, tenant: str, retention: Retention = SEEDS_POLICY, *, location: str | None = None, dry_run: bool = False
    ) -> tuple[Plan | None, list[Backup]]:
        """See ``pruning.prune``; ``location`` is the tenant's own repository if not given."""
        return prune(self._context, tenant, location or self._context.backup_location(tenant), retention, dry_run=dry_run)

    def copy(self, tenant: str, target: str, *, dry_run: bool = False) -> Plan | None:
        """Have all of a tenant's sets in a second repository; ``target`` is the place that all tenants' repositories are in."""
        location = self._context.backup_location(tenant)
        copies = second_place(target, tenant)
        if copies == location:
            raise NotAllowed(f"the backups of {tenant} are in {location} already", "name a second place, off this machine")
        sets = [backup for backup in self.list(tenant) if backup.location == location]
        plan = plan_copy(tenant, location, copies, sets)
        return change(self._context, tenant, "backup.copy", LOCAL, lambda state: plan if sets else None, dry_run=dry_run)


def second_place(place: str, tenant: str) -> str:
    """A tenant's repository in the place that has copies."""
    return f"{place.rstrip('/')}/{tenant}"


def refuse_proof_under_way(state: State, backup: str) -> None:
    """Raises Held: a second scratch stack with the same set would say no more."""
    for operation in state.operations(kind=VERIFY, open_only=True):
        if any(step.params.get("backup") == backup for step in operation.plan.steps):
            raise Held(
                f"backup {backup} is being proven already, by operation {operation.id}",
                f"wait for it: looma operation show {operation.id}",
                operation=operation.id,
            )


def note_problem(world: World, id: str, error: LoomaError) -> None:
    """Write down what a proof found to be wrong with the set, without how its operation ended."""
    if isinstance(error, (Paused, Cancelled, Conflict, Unreachable)):  # says nothing about the set
        return
    cause = error.__cause__ if isinstance(error.__cause__, LoomaError) else error
    with world.store.write() as state:
        state.save_backup(replace(state.backup(id), problem=cause.message))


def moved_away(context: Context, state: State, tenant: Tenant, seen: HostObservation, refused: Refused) -> list[PlannedStep]:
    """See ``plan.backups.moved``."""
    edition, support = context.world.catalog.edition(tenant.edition), context.support_images(tenant.images)
    held = held_on(state, tenant.host)
    return moved(tenant, edition, seen, held, context.limits, refused, registry=context.registry, support_images=support)


def data_up(world: World, tenant: Tenant) -> bool:
    """Whether any container of the data layer of a tenant that failed runs; of others their status says it."""
    if tenant.status != "failed":
        return False
    layer = tenant.layer("data")
    return any(w.state == "running" for w in world.engine(tenant.host).workloads(tenant.name) if w.reference == layer)


def left_layers(state: State, tenant: str) -> list[tuple[str, LayerReference]]:
    """Layers that the tenant has left and that still stand, each with its host, services first."""
    return sorted(((kept.host, kept.reference) for kept in state.kept_layers(tenant)), key=lambda one: one[1].layer != "app")


def opened_secrets(context: Context, manifest: BackupManifest) -> dict[str, str]:
    """The set's secrets, sealed under this home's key. Raises WrongPassphrase."""
    world = context.world
    return {name: world.vault.seal(world.backup_vault.open(text)) for name, text in manifest.secrets.items()}
