"""A tenant as one file, and a file as a tenant: for another installation, or for the shelf.

The file is a repository with one set, under the same passphrase as the tenant's own.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from looma_cli import __version__
from looma_cli.errors import LoomaError, NotFound, RepositoryDamaged
from looma_cli.model import validation
from looma_cli.model.backup import Backup, ExportHeader
from looma_cli.model.operation import Plan
from looma_cli.model.protocols import Archives
from looma_cli.model.tenant import Tenant
from looma_cli.steps.sets import set_snapshots
from looma_cli.usecases.backups import BackupUseCases
from looma_cli.usecases.context import Context
from looma_cli.usecases.restoring import RestoreRequest, RestoreUseCases


@dataclass(frozen=True, slots=True)
class Exported:
    """``size_bytes`` is the file's."""

    tenant: str
    backup: str
    file: str
    size_bytes: int


class PortingUseCases:
    def __init__(self, context: Context, backups: BackupUseCases, restores: RestoreUseCases, archives: Archives) -> None:
        self._context = context
        self._world = context.world
        self._backups = backups
        self._restores = restores
        self._archives = archives

    def export(
        self, name: str, file: str, *, backup: str | None = None, force: bool = False, dry_run: bool = False, wait_seconds: float = 0
    ) -> Exported | Plan:
        """A fresh set, or the one named, as a file. Raises AlreadyExists for a file that is there, NotFound, BackupFailed, Held."""
        self._archives.refuse(file, replace=force)
        made = self._known(name, backup) if backup else self._backups.create(name, dry_run=dry_run, wait_seconds=wait_seconds)
        if isinstance(made, Plan):
            return replace(made, kind="tenant.export", changes=(*made.changes, f"+ {file}"))
        if dry_run:
            return Plan("tenant.export", name, (), 0, (f"+ {file} from backup {made.id}",))
        return self._packed(made, file, force)

    def _known(self, name: str, id: str) -> Backup:
        backup = self._backups.show(id)
        if backup.tenant != name:
            raise NotFound(f"{name} has no backup {id}: it is {backup.tenant}'s", f"looma backup list {name}")
        return backup

    def _packed(self, backup: Backup, file: str, force: bool) -> Exported:
        header = ExportHeader(backup.tenant, backup.id, backup.edition, backup.release, f"looma {__version__}")
        with self._folder() as folder:
            repository = self._world.repository(backup.location)
            snapshots = [snapshot.id for snapshot in set_snapshots(repository, backup.id)]
            if not snapshots:
                raise NotFound(f"there is no backup {backup.id} in {backup.location} any more", f"looma backup list {backup.tenant}")
            copy = f"{folder}/repository"
            repository.copy_to(copy, snapshots)
            size = self._archives.pack(copy, header, file, replace=force)
        return Exported(backup.tenant, backup.id, file, size)

    def import_(self, file: str, new_name: str | None = None, *, dry_run: bool = False, wait_seconds: float = 0) -> Tenant | Plan:
        """A tenant of its own, under the name that it had or another. Raises AlreadyExists for a name that is taken, NotFound, InvalidValue
        (no such file), RepositoryDamaged (cut short), WrongPassphrase."""
        with self._folder() as folder:
            location = f"{folder}/repository"
            header = self._archives.unpack(file, location)
            name = new_name or validation.tenant_name(header.tenant)
            request = RestoreRequest(None, backup=header.backup, new_name=name, location=location, passing=True)
            with _called(file, location):
                done = self._restores.restore(request, dry_run=dry_run, wait_seconds=wait_seconds)
        if isinstance(done, Plan):
            return done
        with self._world.store.read() as state:
            return state.tenant(name)

    @contextmanager
    def _folder(self) -> Iterator[str]:
        """A folder of our own, gone afterwards; also those that killed processes left. One that an unfinished operation restores from
        stays until that is finished."""
        for left in self._archives.left():
            self._remove(left)
        folder = self._archives.folder()
        try:
            yield folder
        finally:
            self._remove(folder)

    def _remove(self, folder: str) -> None:
        with self._world.store.read() as state:
            steps = [step for operation in state.operations(open_only=True) for step in operation.plan.steps]
        if not any(str(step.params.get("location", "")).startswith(folder) for step in steps):
            self._archives.remove(folder)


@contextmanager
def _called(file: str, location: str) -> Iterator[None]:
    """Errors name the file that was given, and not the folder that it was unpacked into, which is gone when somebody reads that."""
    try:
        yield
    except LoomaError as error:
        error.message = error.message.replace(f"the repository {location}", f"the file {file}").replace(location, file)
        cause = error.details.get("cause", error.code)
        if cause == RepositoryDamaged.code:
            error.hint = "copy or export it once more"
        raise
