"""Backup sets: what was saved of a tenant, when, and how it is told that a restored store holds the same."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from looma_cli.errors import NotFound

BACKUP_KINDS = ("full", "incremental")  # with restic both are complete sets; the words are those of the seeds' schedule
BACKUP_FORMAT = 2  # since 2 a set's short streams are in its manifest; sets of format 1 have a snapshot for each, and none there


@dataclass(frozen=True, slots=True)
class FingerprintPart:
    """One table, key space or list of definitions: ``rows`` and a ``checksum`` that does not depend on the order of rows.

    ``expires_at``: from then on the store itself may drop rows of it (keys with a time to live), so it is not compared any more.
    ``definition``: it counts tables, views, accounts, … and no rows. ``at_least``: ``rows`` may have grown when the dump was made
    (sequences, which no snapshot covers); the checksum must still be equal.
    """

    name: str
    rows: int
    checksum: str
    expires_at: datetime | None = None
    at_least: bool = False
    definition: bool = False


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What a datastore holds, part by part, in the order of their names."""

    parts: tuple[FingerprintPart, ...] = ()

    @property
    def rows(self) -> int:
        return sum(part.rows for part in self.parts if not part.at_least and not part.definition)

    @property
    def digest(self) -> str:
        """One short text for all parts: 16 hex digits."""
        lines = (f"{part.name}\0{part.rows}\0{part.checksum}\n" for part in self.parts)
        return hashlib.sha256("".join(lines).encode()).hexdigest()[:16]

    def differences(self, restored: Fingerprint, now: datetime) -> list[str]:
        """What the restored store has not, or has otherwise, one line each; empty when it holds the same."""
        theirs = {part.name: part for part in restored.parts}
        wanted = [part for part in self.parts if part.expires_at is None or part.expires_at > now]
        lines = [line for part in wanted if (line := _difference(part, theirs.get(part.name)))]
        known = {part.name for part in self.parts}
        return lines + [f"{name}: was not there before" for name, part in theirs.items() if name not in known and part.rows]


def _difference(wanted: FingerprintPart, found: FingerprintPart | None) -> str:
    if found is None:
        return "" if not wanted.rows else f"{wanted.name}: missing, {wanted.rows} rows"
    if found.rows != wanted.rows and not (wanted.at_least and found.rows > wanted.rows):
        return f"{wanted.name}: {found.rows} rows instead of {wanted.rows}"
    return "" if found.checksum == wanted.checksum else f"{wanted.name}: other content in {wanted.rows} rows"


@dataclass(frozen=True, slots=True)
class StoreInformation:
    """The server that answers: ``engine`` is mysql, mariadb, postgresql, redis, …; ``version`` its own text."""

    engine: str
    version: str


@dataclass(frozen=True, slots=True)
class FingerprintSummary:
    """What a listing says of a fingerprint without having its parts."""

    rows: int
    digest: str


@dataclass(frozen=True, slots=True)
class StoreSummary:
    """One datastore of a set that was listed without being read."""

    name: str
    fingerprint: FingerprintSummary


@dataclass(frozen=True, slots=True)
class SavedStream:
    """One stream of a dump in the repository: ``snapshot`` is restic's id or its first digits, ``name`` the file's name in it, ``stream``
    the driver's own name for it. Sizes in bytes: ``size_bytes`` as it was dumped, ``stored_bytes`` what it added to the repository.

    A short stream has no ``snapshot`` (empty): the set's manifest holds it, and counts for what it adds."""

    name: str
    snapshot: str
    size_bytes: int
    stored_bytes: int
    stream: str = ""


@dataclass(frozen=True, slots=True)
class StoreBackup:
    """One datastore in a set. ``position`` is where replication would go on (binlog file and position, LSN, offset), if there is one."""

    name: str
    driver: str
    information: StoreInformation
    position: Mapping[str, str]
    fingerprint: Fingerprint
    streams: tuple[SavedStream, ...]


@dataclass(frozen=True, slots=True)
class Backup:
    """One backup set of one tenant; a set is in the repository only when all of it is.

    ``missing`` names the datastores that ``--allow-partial`` left out; ``verified_at`` the last proof, ``restore_ms`` how long that restore
    took, ``problem`` why the last proof failed. ``location`` is the repository's. In a listing of a repository ``datastores`` are
    ``StoreSummary``, and there are none of a set that this release cannot read: ``problem`` says why.
    """

    id: str
    tenant: str
    kind: str
    created_at: datetime
    edition: str
    release: str
    location: str
    size_bytes: int
    stored_bytes: int
    datastores: tuple[StoreBackup, ...]
    missing: tuple[str, ...] = ()
    verified_at: datetime | None = None
    restore_ms: int | None = None
    problem: str = ""

    @property
    def partial(self) -> bool:
        return bool(self.missing)


@dataclass(frozen=True, slots=True)
class BackupMark:
    """That a set was made, without what it holds: cheap to have for every tenant."""

    tenant: str
    id: str
    created_at: datetime
    partial: bool
    problem: str = ""


def _decode_time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def decode_store_backup(data: Mapping[str, Any]) -> StoreBackup:
    """Inverse of ``model.codec.encode`` for one datastore of a set."""
    parts = (FingerprintPart(**{**part, "expires_at": _decode_time(part["expires_at"])}) for part in data["fingerprint"]["parts"])
    return StoreBackup(
        data["name"],
        data["driver"],
        StoreInformation(**data["information"]),
        data["position"],
        Fingerprint(tuple(parts)),
        tuple(SavedStream(**stream) for stream in data["streams"]),
    )


def decode_backup(data: Mapping[str, Any]) -> Backup:
    """Inverse of ``model.codec.encode`` for a set."""
    times = {name: _decode_time(data[name]) for name in ("created_at", "verified_at")}
    stores = tuple(decode_store_backup(store) for store in data["datastores"])
    return Backup(**{**data, **times, "datastores": stores, "missing": tuple(data["missing"])})


@dataclass(frozen=True, slots=True)
class BackupManifest:
    """All that brings a tenant back without the state: the set, the tenant's record as JSON-safe values, its files by name, the image
    references, its secrets sealed under the repository's passphrase (name -> sealed text), and its short streams (name -> base64)."""

    backup: Backup
    tenant: Mapping[str, Any]
    files: Mapping[str, str]
    images: tuple[str, ...]
    secrets: Mapping[str, str] = field(repr=False)
    written_by: str = ""
    format: int = BACKUP_FORMAT
    short: Mapping[str, str] = field(default_factory=dict, repr=False)  # accounts with the hashes of their passwords among them

    def store(self, name: str) -> StoreBackup:
        """One datastore of the set. Raises NotFound when the set has it not."""
        for store in self.backup.datastores:
            if store.name == name:
                return store
        names = ", ".join(store.name for store in self.backup.datastores)
        raise NotFound(f"backup {self.backup.id} has no datastore {name}", f"it has {names}")


@dataclass(frozen=True, slots=True)
class ExportHeader:
    """What the file of ``tenant export`` says of itself, unsealed; the set in it is what counts."""

    tenant: str
    backup: str
    edition: str
    release: str
    written_by: str


@dataclass(frozen=True, slots=True)
class RepositorySnapshot:
    """One restic snapshot as looma made it: a stream of a dump, or a set's manifest. ``tags`` as they were given to ``save``."""

    id: str
    name: str
    at: datetime
    tags: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Retention:
    """What is kept, as restic names it: the last of so many hours, days, weeks, and everything within a time (``30d``)."""

    last: int = 0
    hourly: int = 0
    daily: int = 0
    weekly: int = 0
    within: str = ""
