"""The Protocols of backups: the repository, the vault of its passphrase, portable files, what runs backups by itself.

All methods raise only errors of ``looma_cli.errors``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from looma_cli.model.backup import ExportHeader, RepositorySnapshot, Retention, SavedStream
from looma_cli.model.protocols.datastore import Chunks
from looma_cli.model.schedule import ScheduledRun


class Repository(Protocol):
    """Where backup sets of one tenant are kept, encrypted and deduplicated (restic).

    Raises RepositoryUnreachable, WrongPassphrase, RepositoryLocked, RepositoryDamaged, BackupFailed; NotFound where there is none yet.
    """

    location: str

    def exists(self) -> bool: ...
    def create(self) -> None:
        """Idempotent."""
        ...

    def save(self, name: str, tags: Mapping[str, str], chunks: Iterable[bytes], at: datetime) -> SavedStream:
        """Stream bytes in. When ``chunks`` raises, or anything else fails, no snapshot is made, and the error passes on."""
        ...

    def open(self, snapshot: str, name: str) -> Chunks:
        """The bytes of a saved stream, checked against their hashes on the way; raises RepositoryDamaged where they differ."""
        ...

    def snapshots(self, tags: Mapping[str, str] | None = None) -> list[RepositorySnapshot]:
        """Those with all of these tags, oldest first."""
        ...

    def forget(self, ids: Sequence[str], *, prune: bool = False) -> None:
        """Unknown ids are no error. ``prune`` also frees what nobody needs any more."""
        ...

    def kept(self, retention: Retention, tags: Mapping[str, str]) -> list[str]:
        """Ids of the snapshots with these tags that the policy keeps, by restic's own rules; nothing is removed."""
        ...

    def unlock(self) -> None:
        """Remove the locks of processes that are known to be dead."""
        ...

    def check(self, *, read_data: bool = False) -> None:
        """Structure, or with ``read_data`` every byte. Raises RepositoryDamaged."""
        ...

    def copy_to(self, location: str, ids: Sequence[str]) -> None:
        """Have these snapshots in another repository (made if need be) under the same passphrase, re-encrypted; those that are there
        already are not sent again."""
        ...


class BackupVault(Protocol):
    """Seals under the repository's passphrase, so that a backup opens without this home's key."""

    def ensure(self) -> bool:
        """Whether a passphrase was made just now, since there was none; one that the settings name is never made."""
        ...

    def seal(self, plain: str) -> str: ...

    def open(self, sealed: str) -> str:
        """Raises WrongPassphrase."""
        ...


class Archives(Protocol):
    """Whole repositories as single files. Raises AlreadyExists, NotFound, InvalidValue (no such file), RepositoryDamaged (cut short),
    BackupTooNew, CommandFailed (disk full, not writable)."""

    def folder(self) -> str:
        """A new one that is private to this process."""
        ...

    def left(self) -> list[str]:
        """Folders of processes that run no more."""
        ...

    def remove(self, folder: str) -> None:
        """Idempotent."""
        ...

    def refuse(self, file: str, *, replace: bool) -> None:
        """Raises what ``pack`` would for a file that cannot be made, before anything is done for it."""
        ...

    def pack(self, repository: str, header: ExportHeader, file: str, *, replace: bool) -> int:
        """The file is there whole or not at all, for its owner alone; its size in bytes."""
        ...

    def unpack(self, file: str, repository: str) -> ExportHeader:
        """Into a folder that is not there yet."""
        ...


class Scheduler(Protocol):
    """Starts a command at certain times of the day, for as long as the machine runs. Raises CommandFailed, NotPermitted, InvalidValue."""

    by: str  # systemd | cron

    def files(self, run: ScheduledRun) -> Mapping[str, str]:
        """What is written for it: path -> text. A user's own crontab is ``crontab``, with the line for it alone."""
        ...

    def install(self, run: ScheduledRun) -> None:
        """In place of an earlier one of the same name. When it fails, everything is as it was before."""
        ...

    def remove(self, run: ScheduledRun) -> None:
        """Idempotent."""
        ...

    def problem(self, run: ScheduledRun) -> str:
        """Why an installed one will not run; empty when it will."""
        ...

    def advice(self) -> str:
        """What else this machine needs, so that it runs at all times; empty when nothing."""
        ...
