"""Whether this machine could take a backup: restic, the places, the passphrase. Nothing is made and nothing is opened."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from looma_cli.adapters.repository.failures import RESTIC_HINT
from looma_cli.adapters.repository.location import parse
from looma_cli.errors import RepositoryUnreachable

VERSION_SECONDS = 10
SSH_SECONDS = 30
_VERSION = re.compile(r"restic (\d+)\.(\d+)(?:\.(\d+))?")


@dataclass(frozen=True)
class BackupReadiness:
    """``passphrase`` is the file, ``own`` whether looma makes it; ``environment`` has PATH and HOME."""

    passphrase: Path
    own: bool
    environment: Mapping[str, str]

    def passphrase_file(self) -> tuple[Path, bool]:
        return self.passphrase, self.own

    def version(self) -> tuple[int, ...]:
        """Raises RepositoryUnreachable where it is missing or says nothing that can be read."""
        program = shutil.which("restic", path=self.environment.get("PATH"))
        if program is None:
            raise RepositoryUnreachable("restic, which keeps the backups, is not installed", RESTIC_HINT)
        said = self._said([program, "version"], VERSION_SECONDS)
        match = _VERSION.search(said)
        if match is None:
            raise RepositoryUnreachable(f"{program} does not say its version: {said.strip()[:80]!r}", RESTIC_HINT)
        return tuple(int(number) for number in match.groups() if number)

    def try_place(self, place: str) -> None:
        """A folder is looked at, an SFTP server asked for a session, an S3 server for a connection."""
        location = parse(place)
        location.probe(self.environment)
        if location.directory is not None:
            _refuse_read_only(location.directory)
        if location.ssh:
            self._session(place, list(location.ssh))

    def _session(self, place: str, command: list[str]) -> None:
        try:
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, capture_output=True, timeout=SSH_SECONDS, env=dict(self.environment), check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise RepositoryUnreachable(f"{place} cannot be reached: {error}", "look whether its server runs") from error
        if done.returncode:
            words = done.stderr.decode("utf-8", "replace").strip().splitlines() or [f"ssh ended with {done.returncode}"]
            raise RepositoryUnreachable(f"{place} cannot be reached: {words[-1]}", "look whether its server runs and lets this user in")

    def _said(self, command: list[str], seconds: int) -> str:
        try:
            done = subprocess.run(command, capture_output=True, timeout=seconds, env=dict(self.environment), check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise RepositoryUnreachable(f"{command[0]} cannot be run: {error}", RESTIC_HINT) from error
        return done.stdout.decode("utf-8", "replace")


def _refuse_read_only(directory: Path) -> None:
    """What is not there yet would be made: its nearest folder that is there counts."""
    there = next(path for path in (directory, *directory.parents) if path.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        hint = "set LOOMA_BACKUP_REPOSITORY to a place that you may write to"
        raise RepositoryUnreachable(f"{directory} cannot be written to: look at {there}", hint)
