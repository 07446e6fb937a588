"""Backup sets: take, list, prove, copy and forget them."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from looma_cli.errors import Cancelled, Conflict, LoomaError, NotAllowed, NotFound, Paused, Unreachable
from looma_cli.model.backup import Backup, BackupManifest, Retention
from looma_cli.model.codec import decode_tenant
from looma_cli.model.operation import Plan
from looma_cli.model.protocols import State
from looma_cli.model.tenant import LayerReference, Tenant
from looma_cli.model.world import World
from looma_cli.plan.backups import NewBackup, plan_backup, plan_copy, plan_forget, plan_verify
from looma_cli.plan.reallocate import Refused
from looma_cli.steps.backups import CERTIFICATE_KEY, BackupStores
from looma_cli.steps.generations import KeepLayers
from looma_cli.steps.sets import MANIFEST, read_manifest, read_set
from looma_cli.usecases.changing import change
from looma_cli.usecases.context import LOCAL, Context, held_on, observe_host
from looma_cli.usecases.replanning import replanning
from looma_cli.usecases.requested import SCRATCH_NAME
from looma_cli.usecases.retiring import retire_overdue

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
        """Newest first, as the state knows them; with ``location`` as that repository does (see ``repository_at``)."""
        if location is not None:
            return [manifest.backup for manifest in self.manifests(self.repository_at(location, tenant), tenant)]
        with self._world.store.read() as state:
            return state.backups(tenant)

    def manifests(self, location: str, tenant: str | None = None) -> list[BackupManifest]:
        """Of the complete sets in a repository, newest first. Raises NotFound where there is none."""
        repository = self._world.repository(location)
        wanted = {"part": MANIFEST} | ({"tenant": tenant} if tenant else {})
        return [read_manifest(repository, snapshot) for snapshot in reversed(repository.snapshots(wanted))]

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

        def decide(state: State) -> Plan:
            now = state.tenant(name)
            return plan_backup(now, self._world.catalog.edition(now.edition), new, up=data_up(self._world, now))

        plan = change(self._context, name, "backup.create", tenant.host, decide, dry_run=dry_run, wait_seconds=wait_seconds)
        if not dry_run:
            retire_overdue(self._context, name)
        return plan if dry_run and plan else self.show(new.id)

    # proving
    def verify(self, id: str, *, quick: bool = False, dry_run: bool = False) -> Backup | Plan:
        """Restore a set into a scratch stack, compare every fingerprint, write the proof (or why there is none) down.

        Raises NotFound, BackupFailed, RepositoryDamaged, WrongPassphrase.
        """
        backup = self.show(id)
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

            return change(self._context, scratch.name, "backup.verify", LOCAL, decide, dry_run=dry_run)

        return replanning(self._context, LOCAL, attempt)

    def drill(self, budget_seconds: float, *, dry_run: bool = False) -> Iterator[Outcome]:
        """Prove the newest set of each tenant, those with the oldest proof first, until the time is up; at least one."""
        began = self._world.clock.now()
        for backup in self._least_proven():
            try:
                done = self.verify(backup.id, dry_run=dry_run)
            except (Paused, Cancelled):
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
    def prune(self, tenant: str, retention: Retention = SEEDS_POLICY, *, dry_run: bool = False) -> tuple[Plan | None, list[Backup]]:
        """Forget what the policy does not keep: (what was or would be done, the sets concerned). Never the last good or the last proven
        set, nor one that an unfinished operation needs."""
        location = self._context.backup_location(tenant)
        repository = self._world.repository(location)
        kept = set(repository.kept(retention, {"part": MANIFEST}))
        ids = {snapshot.tags["set"] for snapshot in repository.snapshots({"part": MANIFEST}) if snapshot.id not in kept}
        chosen: list[Backup] = []

        def decide(state: State) -> Plan | None:
            stay = needed(state, tenant)
            chosen[:] = [b for b in state.backups(tenant) if b.id in ids and b.id not in stay]
            return plan_forget(tenant, location, chosen) if chosen else None

        plan = change(self._context, tenant, "backup.prune", LOCAL, decide, dry_run=dry_run)
        return plan, chosen

    def copy(self, tenant: str, target: str, *, dry_run: bool = False) -> Plan | None:
        """Have all of a tenant's sets in a second repository; ``target`` is the place that all tenants' repositories are in."""
        location = self._context.backup_location(tenant)
        copies = f"{target.rstrip('/')}/{tenant}"
        if copies == location:
            raise NotAllowed(f"the backups of {tenant} are in {location} already", "name a second place, off this machine")
        sets = [backup for backup in self.list(tenant) if backup.location == location]
        plan = plan_copy(tenant, location, copies, sets)
        return change(self._context, tenant, "backup.copy", LOCAL, lambda state: plan if sets else None, dry_run=dry_run)


def note_problem(world: World, id: str, error: LoomaError) -> None:
    """Write down what a proof found to be wrong with the set, without how its operation ended."""
    if isinstance(error, (Paused, Cancelled, Conflict, Unreachable)):  # says nothing about the set
        return
    cause = error.__cause__ if isinstance(error.__cause__, LoomaError) else error
    with world.store.write() as state:
        state.save_backup(replace(state.backup(id), problem=cause.message))


def needed(state: State, tenant: str) -> set[str]:
    """Ids of the sets that must stay, whatever a policy says: the last one, the last complete one, the last of those that no proof found
    bad, the last proven one, those that unfinished operations use, and the safety backup of a restore while there is a way back from it."""
    sets = state.backups(tenant)
    complete = [backup for backup in sets if not backup.partial]
    sound = [backup for backup in complete if not backup.problem]
    proven = sorted((b for b in sets if b.verified_at and not b.problem), key=lambda b: b.verified_at or b.created_at)
    last = {backup.id for backup in (*sets[:1], *complete[:1], *sound[:1], *proven[-1:])}
    in_use = {step.params.get("backup", "") for operation in state.operations(open_only=True) for step in operation.plan.steps}
    return last | in_use | _safety(state, tenant)


def _safety(state: State, tenant: str) -> set[str]:
    """Ids of the sets that were taken by the operations whose old layers are still kept."""
    kept = {(one.reference.layer, one.reference.generation) for one in state.kept_layers(tenant)}
    found: set[str] = set()
    for operation in state.operations(tenant=tenant) if kept else ():
        steps = operation.plan.steps
        left = {tuple(layer) for step in steps if step.name == KeepLayers.name for layer in step.params["layers"]}
        if left & kept:
            found |= {step.params["backup"] for step in steps if step.name == BackupStores.name}
    return found


def data_up(world: World, tenant: Tenant) -> bool:
    """Whether any container of the data layer of a tenant that failed runs; of others their status says it."""
    if tenant.status != "failed":
        return False
    layer = tenant.layer("data")
    return any(w.state == "running" for w in world.engine(tenant.host).workloads(tenant.name) if w.reference == layer)


def left_layers(state: State, tenant: str) -> list[LayerReference]:
    """Layers that the tenant has left and that still stand, services first."""
    return sorted((kept.reference for kept in state.kept_layers(tenant)), key=lambda one: one.layer != "app")


def scratch_of(manifest: BackupManifest, now: datetime) -> Tenant:
    """The record of a stack in which a set is proven: hidden from lists, without ports, hostname and certificate."""
    known = decode_tenant({**manifest.tenant, "certificate": None, "ports": (), "subnets": ()})
    return replace(
        known,
        name=f"{SCRATCH_NAME}-{secrets.token_hex(4)}",
        display_name=f"proof of {manifest.backup.id}",
        host=LOCAL,
        status="provisioning",
        hostname=None,
        public_port=0,
        platform=True,
        data_generation=1,
        app_generation=1,
        created_at=now,
        updated_at=now,
        health="unknown",
        checked_at=None,
        last_backup=None,
        last_proof=None,
        settings={},
    )


def opened_secrets(context: Context, manifest: BackupManifest) -> dict[str, str]:
    """The set's secrets, sealed under this home's key. Raises WrongPassphrase."""
    world = context.world
    return {name: world.vault.seal(world.backup_vault.open(text)) for name, text in manifest.secrets.items()}
