"""What both kinds of scheduler need of a machine: its files, its programs, and who asks."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from looma_cli.errors import CommandFailed, NotPermitted

PROGRAM_SECONDS = 60


@dataclass(frozen=True)
class Machine:
    """``root`` is where the file system begins, ``uid`` and ``user`` who asks; ``environment`` has PATH, HOME and what finds the user's
    own systemd."""

    root: Path = Path("/")
    uid: int = field(default_factory=os.geteuid)
    user: str = "root"
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)

    @property
    def is_root(self) -> bool:
        return self.uid == 0

    @property
    def home(self) -> Path:
        return Path(self.environment.get("HOME") or Path.home())

    def has(self, program: str) -> bool:
        return shutil.which(program, path=self.environment.get("PATH")) is not None

    def run(self, *command: str, given: str | None = None) -> subprocess.CompletedProcess[str]:
        """To its end, whatever that is. Raises CommandFailed when it cannot be started or does not end."""
        program = shutil.which(command[0], path=self.environment.get("PATH")) or command[0]
        environment = {**self.environment, "LC_ALL": "C"}
        try:
            return subprocess.run(
                [program, *command[1:]], input=given, env=environment, capture_output=True, timeout=PROGRAM_SECONDS, check=False,
                encoding="utf-8", errors="surrogateescape",
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired) as error:
            raise CommandFailed(f"{command[0]} cannot be asked: {error}", "look whether it works by hand") from error

    def call(self, *command: str, given: str | None = None, hint: str = "") -> str:
        """Its output. Raises CommandFailed with its last word unless it ends well."""
        done = self.run(*command, given=given)
        if done.returncode:
            words = (done.stderr.strip() or done.stdout.strip() or f"exit code {done.returncode}").splitlines()
            raise CommandFailed(f"{' '.join(command[:3])}: {words[-1]}", hint or "look whether it works by hand")
        return done.stdout


@dataclass(frozen=True)
class File:
    """A file to be there."""

    path: Path
    text: str
    mode: int = 0o644


def write_all(files: Sequence[File]) -> dict[Path, bytes | None]:
    """Each is the old or the new one at any moment; all are as before when one cannot be written. Returns what they were. Raises
    NotPermitted, CommandFailed."""
    before: dict[Path, bytes | None] = {}
    for file in files:
        try:
            before[file.path] = file.path.read_bytes() if file.path.exists() else None
            _write(file.path, file.text.encode("utf-8", "surrogateescape"), file.mode)
        except OSError as error:
            before.pop(file.path, None)
            put_back(before)
            raise _refused(file.path, error) from error
    return before


def put_back(before: Mapping[Path, bytes | None]) -> None:
    """As far as possible: it runs where something has failed already."""
    for path, content in before.items():
        with suppress(OSError):
            if content is None:
                path.unlink(missing_ok=True)
            else:
                _write(path, content, path.stat().st_mode & 0o777)


def remove_all(paths: Sequence[Path]) -> None:
    """Absent is no error. Raises NotPermitted, CommandFailed."""
    for path in paths:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise _refused(path, error) from error


def _write(path: Path, content: bytes, mode: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(prefix=".looma-", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def _refused(path: Path, error: OSError) -> CommandFailed | NotPermitted:
    if isinstance(error, PermissionError):
        return NotPermitted(f"{path} cannot be written: {error.strerror}", "do it as the user that the file belongs to")
    return CommandFailed(f"{path} cannot be written: {error.strerror or error}", "look at that folder, and whether the disk is full")
