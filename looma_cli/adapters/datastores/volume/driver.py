"""The driver of cold volumes. Only a component that stands still has files that belong together, so it is away during its backup."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from looma_cli.adapters.datastores.volume import archive
from looma_cli.errors import BackupFailed, CommandFailed, ImageUnavailable, NotFound, Unhealthy
from looma_cli.model.backup import Fingerprint, FingerprintPart, StoreInformation
from looma_cli.model.layer import Workload
from looma_cli.model.protocols import Chunks, Engine, Program

STREAM = "volumes.tar"
LOCAL_IMAGE, REGISTRY_IMAGE = "looma/base:bookworm", "debian:bookworm-slim"  # both have GNU tar
HINT = "is there space and memory left on the host? looma doctor checks"


class VolumeDatastore:
    """Implements ``Datastore`` for all writable volumes of a component. ``settings``: ``image``, one with GNU tar and bash."""

    driver = "volume"
    holds_writers = True
    follows = False

    def __init__(self, engine: Engine, workload: Workload, settings: Mapping[str, str]) -> None:
        self.name = workload.component
        self._engine = engine
        self._workload = workload
        self._image = settings.get("image") or (LOCAL_IMAGE if workload.image.startswith("looma/") else REGISTRY_IMAGE)

    def probe(self) -> StoreInformation:
        try:
            self._engine.volume_paths(self._workload)
        except NotFound as error:
            raise Unhealthy(f"{self.name} has no container", error.hint) from error
        return StoreInformation("volume", self._workload.image)

    def ready(self) -> bool:
        """A volume needs nobody who answers."""
        try:
            self.probe()
        except Unhealthy:
            return False
        return True

    @contextmanager
    def moment(self, *, hold: bool = False) -> Iterator[VolumeMoment]:
        """The component is away from here until the end of the block: what is still to be read must not change."""
        self._have_image()
        self._engine.switch(self._workload, on=False)
        try:
            yield VolumeMoment(self)
        finally:
            self._engine.switch(self._workload, on=True)

    def fingerprint(self, like: Fingerprint | None = None) -> Fingerprint:
        """The component is stopped for it, and runs afterwards."""
        with self.moment() as moment:
            return moment.fingerprint()

    def restore(self, streams: Mapping[str, Callable[[], Chunks]], progress: Callable[[str], None]) -> None:
        """Leaves the component stopped, because a start changes its files; ``fingerprint`` starts it."""
        self._have_image()
        self._engine.end_beside(self._workload)
        self._engine.switch(self._workload, on=False)
        with streams[STREAM]() as chunks, self.beside(archive.replace(self.paths())) as program:
            try:
                for chunk in chunks:
                    program.write(chunk)
            except CommandFailed as error:
                raise BackupFailed(f"the volumes of {self.name} cannot be written: {error.message}", HINT) from error
            program.close_input()
            self.finish(program)

    def abandon(self) -> None:
        """A component that a killed looma had stopped runs again."""
        self._engine.end_beside(self._workload)
        self._engine.switch(self._workload, on=True)

    def _have_image(self) -> None:
        """Before anything is stopped. Raises ImageUnavailable."""
        missing = self._engine.missing_images([self._image])
        if missing and self._image == LOCAL_IMAGE:
            raise ImageUnavailable(f"image {self._image} is not there", "looma image build builds the local set")
        if missing:
            self._engine.pull(missing, lambda text: None)

    def paths(self) -> list[str]:
        found = self._engine.volume_paths(self._workload)
        if not found:
            raise BackupFailed(f"{self.name} has no volume", "its component file should say: backup: {driver: none}")
        return found

    @contextmanager
    def beside(self, command: Sequence[str], *, read_only: bool = False) -> Iterator[Program]:
        with self._engine.open_beside(self._workload, self._image, command, read_only=read_only) as program:
            yield program

    def finish(self, program: Program) -> None:
        if code := program.finish():
            why = program.errors().rpartition("\n")[2] or f"exit code {code}"
            raise BackupFailed(f"the volumes of {self.name} were not read or written to the end: {why}", HINT)


class VolumeMoment:
    """Implements ``Moment``; a release comes only with its end."""

    streams: tuple[str, ...] = (STREAM,)

    def __init__(self, store: VolumeDatastore) -> None:
        self.position: Mapping[str, str] = {}
        self._store = store

    def release(self) -> None:
        """Nothing: what has not been read yet would change."""

    def fingerprint(self) -> Fingerprint:
        with self._store.beside(archive.listing(self._store.paths()), read_only=True) as program:
            text = b"".join(iter(program.read, b""))
            self._store.finish(program)
        return Fingerprint(tuple(_part(line) for line in text.decode().split("\0") if line))

    @contextmanager
    def dump(self, stream: str) -> Iterator[Iterator[bytes]]:
        if stream != STREAM:
            raise BackupFailed(f"a dump of volumes has no stream {stream}", f"its only one is {STREAM}")
        with self._store.beside(archive.create(self._store.paths()), read_only=True) as program:
            yield self._chunks(program)

    def _chunks(self, program: Program) -> Iterator[bytes]:
        yield from iter(program.read, b"")
        self._store.finish(program)


def _part(line: str) -> FingerprintPart:
    entries, checksum, path = line.split(" ", 2)
    return FingerprintPart(f"volume {path}", int(entries), checksum)
