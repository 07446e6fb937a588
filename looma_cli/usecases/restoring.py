"""Bring a backup back: into its tenant, as another tenant, or from a repository that the state knows nothing of."""

from __future__ import annotations

from dataclasses import dataclass

from looma_cli.errors import AlreadyExists, NotAllowed, NotFound
from looma_cli.model.backup import Backup, BackupManifest
from looma_cli.model.layer import LABEL_TENANT, reference_of
from looma_cli.model.operation import Operation, Plan
from looma_cli.model.protocols import Engine, State
from looma_cli.model.requests import CreateRequest
from looma_cli.model.tenant import Certificate, LayerReference, Tenant
from looma_cli.plan.backups import NewBackup
from looma_cli.plan.reallocate import Refused
from looma_cli.plan.restore import plan_restore, plan_restore_as
from looma_cli.steps.backups import CERTIFICATE_KEY
from looma_cli.steps.sets import read_set
from looma_cli.usecases.backups import BackupUseCases, new_backup_id, opened_secrets
from looma_cli.usecases.changing import change
from looma_cli.usecases.context import Context, held_on, host_record, observe_host
from looma_cli.usecases.placing import Placer, Reserve
from looma_cli.usecases.replanning import replanning
from looma_cli.usecases.requested import refuse_deployed, refuse_platform_name
from looma_cli.usecases.retiring import retire, retire_overdue

KEEP_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class RestoreRequest:
    """``tenant`` whose set it is; ``backup`` None means the newest. ``new_name`` makes another tenant of it, ``location`` reads a
    repository instead of the state. ``only`` names datastores; ``safety`` backs the present up first; ``keep_seconds`` is how long the
    layers that are left stay, stopped. ``passing``: the location is gone afterwards, so that nothing is written down of it."""

    tenant: str | None
    backup: str | None = None
    new_name: str | None = None
    host: str | None = None
    only: tuple[str, ...] = ()
    location: str | None = None
    safety: bool = True
    keep_seconds: float = KEEP_SECONDS
    passing: bool = False


class RestoreUseCases:
    def __init__(self, context: Context, backups: BackupUseCases) -> None:
        self._context = context
        self._world = context.world
        self._backups = backups

    def restore(self, request: RestoreRequest, *, dry_run: bool = False, wait_seconds: float = 0) -> Operation | Plan:
        """Raises NotFound, NotAllowed (another edition, a partial set), AlreadyExists, BackupFailed, Held."""
        if request.host is not None:
            host_record(self._context, request.host)
        manifest = self._manifest(request)
        name = request.new_name or request.tenant or manifest.backup.tenant
        if not dry_run:
            retire_overdue(self._context, name)
        if request.new_name is None and self._exists(name):
            plan = self._in_place(name, manifest, request, dry_run, wait_seconds)
        else:
            plan = self._as_new(name, manifest, request, dry_run, wait_seconds)
        return plan if dry_run else self._last_operation(name)

    def chosen(self, request: RestoreRequest) -> tuple[Backup, Tenant | None]:
        """The set that would be brought back, and the tenant whose data it would replace, if there is one. Raises as ``restore``."""
        backup = self._with_proof(self._manifest(request).backup)
        name = request.tenant or backup.tenant
        if request.new_name is not None or not self._exists(name):
            return backup, None
        with self._world.store.read() as state:
            return backup, state.tenant(name)

    def _with_proof(self, backup: Backup) -> Backup:
        """What the state knows of a set that it knows: a repository says nothing of proofs."""
        with self._world.store.read() as state:
            return next((one for one in state.backups(backup.tenant) if one.id == backup.id), backup)

    def _exists(self, name: str) -> bool:
        with self._world.store.read() as state:
            return state.has_tenant(name)

    def _last_operation(self, name: str) -> Operation:
        with self._world.store.read() as state:
            return next(one for one in state.operations(tenant=name) if one.kind == "backup.restore")

    # which set
    def _manifest(self, request: RestoreRequest) -> BackupManifest:
        if request.location is not None:
            return self._in_repository(request)
        backup = self._backups.show(request.backup) if request.backup else self._backups.newest(request.tenant or "")
        if request.tenant and backup.tenant != request.tenant:
            raise _anothers(request.tenant, backup)
        return read_set(self._world.repository(backup.location), backup.id)

    def _in_repository(self, request: RestoreRequest) -> BackupManifest:
        place = self._backups.repository_at(request.location or "", request.tenant)
        if request.backup:
            manifest = read_set(self._world.repository(place), request.backup)
            if request.tenant and manifest.backup.tenant != request.tenant:
                raise _anothers(request.tenant, manifest.backup, f" --from {place}")
            return manifest
        newest: BackupManifest | None = None
        for manifest in self._backups.manifests(place, request.tenant):
            if not manifest.backup.partial:
                return manifest
            newest = newest or manifest
        if newest is None:
            raise NotFound(f"{place} has no complete backup", f"looma backup list --from {place}")
        return newest

    # beside what runs
    def _in_place(self, name: str, manifest: BackupManifest, request: RestoreRequest, dry_run: bool, wait_seconds: float) -> Plan | None:
        with self._world.store.read() as state:
            tenant = state.tenant(name)
        _refuse_elsewhere(tenant, request.host)
        self._refuse_other_accounts(tenant, manifest)

        def attempt(refused: Refused) -> Plan | None:
            seen = observe_host(self._context, tenant.host, engine=True)
            there = layers_on(self._world.engine(tenant.host), name)
            # of this try: the tenant served after the one before was put back, and took writes
            safety = NewBackup(new_backup_id(), self._context.backup_location(name)) if request.safety else None

            def decide(state: State) -> Plan:
                now = state.tenant(name)
                return plan_restore(
                    now,
                    manifest,
                    self._world.catalog.edition(now.edition),
                    seen,
                    held_on(state, now.host),
                    self._context.limits,
                    only=request.only,
                    safety=safety,
                    kept=[*there, *(kept.reference for kept in state.kept_layers(name))],
                    keep_seconds=request.keep_seconds,
                    registry=self._context.registry,
                    edge_image=self._context.edge_image(now.images),
                    support_images=self._context.support_images(now.images),
                )

            return change(self._context, name, "backup.restore", tenant.host, decide, dry_run=dry_run, wait_seconds=wait_seconds)

        return replanning(self._context, tenant.host, attempt, keep=tenant.public_port)

    def _refuse_other_accounts(self, tenant: Tenant, manifest: BackupManifest) -> None:
        """Raises NotAllowed for a set whose accounts have passwords that the tenant's services do not know: of an earlier tenant of the
        name, or of another home's. One of another edition is left for the plan to refuse: that is the better reason."""
        if manifest.backup.edition != tenant.edition:
            return
        world, edition = self._world, self._world.catalog.edition(tenant.edition)
        with world.store.read() as state:
            present = state.secrets(tenant.name)
        components = [one for one in edition.components if any(one.name == store.name for store in manifest.backup.datastores)]
        names = {name for one in components for name in one.secrets if name in present and name in manifest.secrets}
        if any(world.vault.open(present[name]) != world.backup_vault.open(manifest.secrets[name]) for name in sorted(names)):
            raise NotAllowed(
                f"backup {manifest.backup.id} is of an earlier {tenant.name}, whose datastores had other secrets",
                f"restore it as a tenant of its own: looma backup restore {tenant.name} {manifest.backup.id} --as NEW",
            )

    # as a tenant of its own
    def _as_new(self, name: str, manifest: BackupManifest, request: RestoreRequest, dry_run: bool, wait_seconds: float) -> Plan | None:
        if self._exists(name):
            raise AlreadyExists(f"tenant {name} exists", "choose another name for --as, or restore into it without --as")
        refuse_platform_name(name)
        sealed = opened_secrets(self._context, manifest)
        certificate = self._certificate(manifest, sealed.pop(CERTIFICATE_KEY, None), name)
        wanted = self._create_request(name, manifest, certificate, request.host)
        edition = self._world.catalog.edition(wanted.edition)
        images = manifest.tenant["images"]

        def create_on(host: str, reserve: Reserve) -> Plan | None:
            def attempt(refused: Refused) -> Plan | None:
                seen = observe_host(self._context, host, engine=True)
                refuse_deployed(self._world.engine(host), name)

                def decide(state: State) -> Plan:
                    return plan_restore_as(
                        wanted,
                        manifest,
                        edition,
                        seen,
                        held_on(state, host),
                        self._context.limits,
                        only=request.only,
                        sealed=sealed,
                        certificate=certificate,
                        override=manifest.files.get("override.yaml"),
                        adopt=request.location is not None and not request.passing,
                        images=images,
                        registry=self._context.registry,
                        edge_image=self._context.edge_image(images),
                        support_images=self._context.support_images(images),
                        reservation=reserve(state),
                    )

                return change(self._context, name, "backup.restore", host, decide, dry_run=dry_run, wait_seconds=wait_seconds)

            return replanning(self._context, host, attempt)

        return Placer(self._context).create(wanted, edition, create_on)

    def _create_request(self, name: str, manifest: BackupManifest, certificate: Certificate | None, host: str | None) -> CreateRequest:
        """As the tenant was, on the host asked for, or on one that is chosen as for any new tenant. Its hostname goes with it only where
        nobody has it, which is so when the tenant itself is gone."""
        known = manifest.tenant
        with self._world.store.read() as state:
            taken = {tenant.hostname for tenant in state.tenants()}
        hostname = None if known["hostname"] in taken else known["hostname"]
        return CreateRequest(
            name,
            known["edition"],
            known["release"],
            host,
            known["profile"],
            hostname,
            known["display_name"] if name == known["name"] else name,
            settings=known["settings"],
            tls_certificate=certificate.chain if certificate else None,
        )

    def _certificate(self, manifest: BackupManifest, sealed_key: str | None, name: str) -> Certificate | None:
        known = manifest.tenant.get("certificate")
        return Certificate(known["chain"], sealed_key) if known and sealed_key and name == manifest.tenant["name"] else None

    # letting go
    def retire(self, tenant: str | None = None, *, everything: bool = False, dry_run: bool = False) -> list[Plan]:
        """See ``usecases.retiring.retire``."""
        return retire(self._context, tenant, everything=everything, dry_run=dry_run)


def layers_on(engine: Engine, tenant: str) -> list[LayerReference]:
    """Layers of a tenant of which the engine has anything, known to the state or not."""
    networks = [one for one in engine.networks() if one.labels.get(LABEL_TENANT) == tenant]
    found = (reference_of(one.labels) for one in (*engine.workloads(tenant), *engine.volumes(tenant), *networks))
    return sorted({reference for reference in found if reference is not None})


def _refuse_elsewhere(tenant: Tenant, host: str | None) -> None:
    """In place is where the tenant is."""
    if host not in (None, tenant.host):
        raise NotAllowed(
            f"tenant {tenant.name} is on host {tenant.host}, and a restore into it stays there",
            f"add --as NEW to have another tenant on host {host}",
            host=tenant.host,
        )


def _anothers(tenant: str, backup: Backup, where: str = "") -> NotFound:
    """A set never goes into another tenant than its own: that would mix customers."""
    return NotFound(f"{tenant} has no backup {backup.id}: it is {backup.tenant}'s", f"looma backup list {tenant}{where}")
