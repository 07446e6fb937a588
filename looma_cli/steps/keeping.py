"""Deeds on sets that are there: forget them, have them in a second repository."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from looma_cli.errors import RepositoryDamaged
from looma_cli.model.backup import RepositorySnapshot
from looma_cli.model.world import World
from looma_cli.steps.base import Progress, WorldStep, counted
from looma_cli.steps.sets import MANIFEST, MANIFEST_FILE, is_complete, set_snapshots


@dataclass(frozen=True)
class ForgetBackups(WorldStep):
    """Remove sets from a repository, and from the state those that it knows to be there, and free what nobody needs any more. There is no
    way back."""

    name = "forget-backups"
    tenant: str
    location: str
    backups: list[str]

    def title(self) -> str:
        return f"Forget {counted(self.backups, 'backup')} in {self.location}"

    def do(self, world: World, progress: Progress) -> str:
        repository = world.repository(self.location)
        repository.unlock()
        ids = [snapshot.id for backup in self.backups for snapshot in set_snapshots(repository, backup)]
        repository.forget(ids, prune=True)
        with world.store.write() as state:
            here = {backup.id for backup in state.backups(self.tenant) if backup.location == self.location}
            for backup in here.intersection(self.backups):
                state.remove_backup(backup)
        return f"{len(ids)} snapshots"


@dataclass(frozen=True)
class CopyBackups(WorldStep):
    """Have sets in a second repository too; what is there already is not sent again, and stays on an undo. Manifests go last: at whatever
    moment a copy ends, the sets that have one there are whole."""

    name = "copy-backups"
    tenant: str
    location: str
    target: str
    backups: list[str]

    def title(self) -> str:
        return f"Copy {counted(self.backups, 'backup')} to {self.target}"

    def do(self, world: World, progress: Progress) -> str:
        repository = world.repository(self.location)
        sets = {backup: set_snapshots(repository, backup) for backup in self.backups}
        self._refuse_incomplete(world, sets)
        snapshots = [snapshot for one in sets.values() for snapshot in one]
        manifests = [snapshot.id for snapshot in snapshots if snapshot.tags.get("part") == MANIFEST]
        repository.copy_to(self.target, [snapshot.id for snapshot in snapshots if snapshot.id not in manifests])
        repository.copy_to(self.target, manifests)
        return f"{len(snapshots)} snapshots"

    def _refuse_incomplete(self, world: World, sets: Mapping[str, Sequence[RepositorySnapshot]]) -> None:
        """Raises RepositoryDamaged for a set that has lost a part since it was made."""
        with world.store.read() as state:
            stores = {id: state.backup(id).datastores for id in sets}
        streams = {id: [one.name for store in found for one in store.streams if one.snapshot] for id, found in stores.items()}
        for id, snapshots in sets.items():
            lost = {*streams[id], MANIFEST_FILE} - {snapshot.name for snapshot in snapshots}
            if lost:
                raise RepositoryDamaged(f"backup {id} has lost {', '.join(sorted(lost))} in {self.location}", "look what removed it")

    def undo(self, world: World, progress: Progress) -> str:
        """Only halves of sets go."""
        target = world.repository(self.target)
        if not target.exists():
            return ""
        halves = [s.id for id in self.backups if not is_complete(target, id) for s in set_snapshots(target, id)]
        if halves:
            target.unlock()
            target.forget(halves)
        return ""
