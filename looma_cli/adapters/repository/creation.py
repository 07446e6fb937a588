"""Making a repository, once: restic itself (0.14) lets two at once, or one after a killed one, make a repository that does not open.

It writes a key, then the configuration under that key. Two keys and one configuration open only by chance.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from looma_cli.adapters.repository.location import Location
from looma_cli.errors import RepositoryDamaged, RepositoryUnreachable


class Creation:
    """Keeps others out while a repository is made: on this machine where it is a directory, in this home otherwise."""

    def __init__(self, place: Location, environment: Mapping[str, str]) -> None:
        self._place = place
        self._cache = Path(environment.get("RESTIC_CACHE_DIR") or tempfile.gettempdir())

    @contextmanager
    def alone(self) -> Iterator[Creation]:
        """The lock goes with the process, however it ends. Raises RepositoryUnreachable where the directory cannot be made."""
        try:
            descriptor = self._locked()
        except OSError as error:
            raise RepositoryUnreachable(
                f"the repository {self._place.text} cannot be made: {error.strerror}", "choose a directory that you may write to"
            ) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield self
        finally:
            os.close(descriptor)

    def _locked(self) -> int:
        if self._place.directory is not None:
            self._place.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            return os.open(self._place.directory, os.O_RDONLY | os.O_DIRECTORY)
        self._cache.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = hashlib.sha256(self._place.restic.encode()).hexdigest()[:16]
        return os.open(self._cache / f"create-{name}.lock", os.O_RDWR | os.O_CREAT, 0o600)

    def clear_remains(self) -> None:
        """The keys of a creation that was cut short, in a directory; only where nothing was ever saved under them. Elsewhere (SFTP, S3)
        a newer restic refuses them itself."""
        directory = self._place.directory
        if directory is None:
            return
        saved = [file for part in ("data", "index", "snapshots") for file in (directory / part).rglob("*") if file.is_file()]
        if saved:
            raise RepositoryDamaged(f"the repository {self._place.text} has lost its file config", "put it back from a copy")
        for key in (directory / "keys").glob("*"):
            key.unlink()
