"""Deeds on backups: have the repository, save a set, write it down in the state, check, record a proof."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace

from looma_cli import __version__
from looma_cli.errors import BackupFailed, LoomaError, NotFound
from looma_cli.model.backup import Backup, BackupManifest, RepositorySnapshot, StoreBackup
from looma_cli.model.codec import encode
from looma_cli.model.protocols import Datastore, Repository, State
from looma_cli.model.tenant import LayerReference
from looma_cli.model.world import World
from looma_cli.steps.base import Progress, StateStep, WorldStep
from looma_cli.steps.datastores import containers_of, stored_components
from looma_cli.steps.listing import readable, summary_tags
from looma_cli.steps.saving import Saving
from looma_cli.steps.sets import (
    MANIFEST,
    MANIFEST_FILE,
    is_complete,
    look,
    manifest_bytes,
    read_set,
    remembered,
    seen_snapshots,
    set_snapshots,
)


@dataclass(frozen=True)
class EnsureRepository(WorldStep):
    """The tenant's repository is there. It stays on an undo: empty, and of use for the next backup."""

    name = "ensure-repository"
    tenant: str
    location: str
    backup: str = ""  # the set that is to be made; whatever an earlier try left of it is seen at the same time

    def title(self) -> str:
        return "Have the backup repository"

    def do(self, world: World, progress: Progress) -> str:
        made = world.backup_vault.ensure()
        repository = world.repository(self.location)
        try:
            repository.unlock()
            look(repository, self.backup)
            return ""
        except NotFound:
            repository.create()
        return f"made {self.location}" + (", and a passphrase: keep a copy of it elsewhere" if made else "")


@dataclass(frozen=True)
class BackupStores(WorldStep):
    """Save one set: every datastore's moment, then the manifest, which makes it a set.

    ``keep``: an undo leaves a complete set alone (a safety backup is good, whatever became of what it was for)."""

    name = "backup-stores"
    tenant: str
    host: str
    generation: int
    location: str
    backup: str
    kind: str
    allow_partial: bool = False
    keep: bool = False

    def title(self) -> str:
        return f"Back up {self.tenant}"

    def do(self, world: World, progress: Progress) -> str:
        repository = world.repository(self.location)
        snapshots = seen_snapshots(repository, self.backup)
        if any(snapshot.tags.get("part") == MANIFEST for snapshot in snapshots):
            return "complete already"
        self._forget(repository, snapshots)
        stores = self._stores(world)
        _abandon_all(stores.values())
        at, tags = world.clock.now(), self._tags(world)
        saving = Saving(repository, tags, at, allow_partial=self.allow_partial, progress=progress)
        saving.failed.update(self._absent(world, stores))
        saved = saving.run(stores)
        if saving.failed:  # of one whose fingerprint or second stream failed, something may be there
            self._forget(repository, [s for s in set_snapshots(repository, self.backup) if s.tags.get("part") in saving.failed])
        set_ = self._set(world, saved, saving, tags)
        repository.save(MANIFEST_FILE, {**tags, **summary_tags(set_), "part": MANIFEST}, [manifest_bytes(set_)], at)
        remembered(repository, set_)
        missing = f", without {', '.join(set_.backup.missing)}" if set_.backup.missing else ""
        return f"{len(saved)} datastores, {set_.backup.size_bytes} bytes{missing}"

    def undo(self, world: World, progress: Progress) -> str:
        repository = world.repository(self.location)
        for store in self._stores(world).values():
            with suppress(LoomaError):  # a server that is gone holds nothing back any more
                store.abandon()
        if not repository.exists():
            return ""
        if self.keep and is_complete(repository, self.backup):
            with world.store.write() as state:  # the step that records it may not have come to it
                state.save_backup(read_set(repository, self.backup).backup)
            return "kept"
        self._forget(repository, set_snapshots(repository, self.backup))
        return ""

    def _forget(self, repository: Repository, leftovers: Sequence[RepositorySnapshot]) -> None:
        if leftovers:
            repository.unlock()
            repository.forget([snapshot.id for snapshot in leftovers])

    @property
    def _layer(self) -> LayerReference:
        return LayerReference(self.tenant, "data", self.generation)

    def _stores(self, world: World) -> dict[str, Datastore]:
        containers = containers_of(world, self._layer, self.host)
        components = [one for one in stored_components(world, self.tenant) if one.name in containers]
        return {one.name: world.datastore(self.host, containers[one.name], one) for one in components}

    def _absent(self, world: World, stores: dict[str, Datastore]) -> dict[str, LoomaError]:
        """Datastores that the tenant should have and has no container for: never simply left out."""
        lost = [one.name for one in stored_components(world, self.tenant) if one.name not in stores]
        if lost and not self.allow_partial:
            raise BackupFailed(f"{', '.join(lost)} has no container", f"looma tenant start {self.tenant}, or --allow-partial")
        return {name: NotFound(f"{name} has no container") for name in lost}

    def _tags(self, world: World) -> dict[str, str]:
        with world.store.read() as state:
            tenant = state.tenant(self.tenant)
        facts = {"tenant": tenant.name, "kind": self.kind, "edition": tenant.edition, "release": tenant.release}
        return {"set": self.backup, **facts}

    def _set(self, world: World, saved: tuple[StoreBackup, ...], saving: Saving, tags: dict[str, str]) -> BackupManifest:
        with world.store.read() as state:
            tenant, sealed = state.tenant(self.tenant), state.secrets(self.tenant)
        streams = [stream for store in saved for stream in store.streams]
        backup = Backup(
            id=self.backup,
            tenant=self.tenant,
            kind=self.kind,
            created_at=saving.at,
            edition=tags["edition"],
            release=tags["release"],
            location=self.location,
            size_bytes=sum(stream.size_bytes for stream in streams),
            stored_bytes=sum(stream.stored_bytes for stream in streams),
            datastores=saved,
            missing=tuple(sorted(saving.failed)),
        )
        secrets = {name: world.vault.open(text) for name, text in sealed.items()}
        record = encode(tenant)
        if tenant.certificate:
            secrets[CERTIFICATE_KEY] = world.vault.open(tenant.certificate.sealed_key)
            record["certificate"]["sealed_key"] = ""
        files = {name: world.files.read(self.tenant, name) or "" for name in world.files.names(self.tenant)}
        images = sorted({workload.image for workload in world.engine(self.host).workloads(self.tenant)})
        sealed_again = {name: world.backup_vault.seal(text) for name, text in secrets.items()}
        short = {stream.name: saving.short[stream.name] for stream in streams if not stream.snapshot}
        return BackupManifest(backup, record, files, tuple(images), sealed_again, f"looma {__version__}", short=short)


def _abandon_all(stores: Collection[Datastore]) -> None:
    """Side by side: each looks through the processes in its container. Raises the first's error."""
    with ThreadPoolExecutor(max(1, len(stores))) as pool:
        for done in [pool.submit(store.abandon) for store in stores]:
            done.result()


CERTIFICATE_KEY = "looma.certificate.key"  # no component's secret can be called so


@dataclass(frozen=True)
class RecordBackup(WorldStep):
    """Write down in the state what the repository has. ``problem``: as it is known, when the set comes from elsewhere."""

    name = "record-backup"
    tenant: str
    location: str
    backup: str
    keep: bool = False

    def title(self) -> str:
        return "Record the backup"

    def do(self, world: World, progress: Progress) -> str:
        manifest = read_set(world.repository(self.location), self.backup)
        with world.store.write() as state:
            state.save_backup(manifest.backup)
        return ""

    def undo(self, world: World, progress: Progress) -> str:
        if not self.keep:
            with world.store.write() as state:
                state.remove_backup(self.backup)
        return ""


@dataclass(frozen=True)
class AdoptBackups(WorldStep):
    """Write down all complete sets that a repository has and that can be read: the state that knew them may be lost."""

    name = "adopt-backups"
    tenant: str
    location: str

    def title(self) -> str:
        return "Take over the repository's backups"

    def do(self, world: World, progress: Progress) -> str:
        repository = world.repository(self.location)
        with world.store.read() as state:
            known = {backup.id for backup in state.backups()}
        snapshots = [one for one in repository.snapshots({"part": MANIFEST}) if one.tags["set"] not in known]
        found = [manifest.backup for snapshot in snapshots if (manifest := readable(repository, snapshot)) is not None]
        with world.store.write() as state:
            known = {backup.id for backup in state.backups()}
            for backup in found:
                if backup.id not in known:
                    state.save_backup(backup)
        left = len(snapshots) - len(found)
        return f"{len(found)} sets" + (f", {left} that this release cannot read" if left else "")


@dataclass(frozen=True)
class CheckRepository(WorldStep):
    """Every byte of a repository is as it was written, or (``quick``) its structure is sound."""

    name = "check-repository"
    tenant: str
    location: str
    quick: bool = False

    def title(self) -> str:
        return "Check the repository" if self.quick else "Check every byte of the repository"

    def do(self, world: World, progress: Progress) -> str:
        repository = world.repository(self.location)
        repository.unlock()
        repository.check(read_data=not self.quick)
        return ""


@dataclass(frozen=True)
class RecordProof(StateStep):
    """A restore gave back what was saved: when, and how long its restore took by this operation's own marks."""

    name = "record-proof"
    tenant: str
    backup: str

    def title(self) -> str:
        return "Record the proof"

    def do(self, world: World, state: State) -> str:
        operation = state.open_operation(self.tenant)
        taken = sum(step.duration_ms or 0 for step in operation.steps if step.name in PROVING) if operation else None
        state.save_backup(replace(state.backup(self.backup), verified_at=world.clock.now(), restore_ms=taken, problem=""))
        return f"restored in {taken} ms"


PROVING = ("create-layer", "start-layer", "await-stores", "restore-store")
