"""Sets as a repository lists them: from the tags of their manifests, which one start of restic tells of all.

Reading a manifest costs another start with a key to be derived, so it is done only for sets of releases that did not tag them so, several
at once. A set that cannot be read (a newer release's, a damaged one's) is listed all the same, and says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

from looma_cli.errors import BackupTooNew, NotFound, RepositoryDamaged
from looma_cli.model.backup import BACKUP_FORMAT, Backup, BackupManifest, FingerprintSummary, RepositorySnapshot, StoreSummary
from looma_cli.model.protocols import Repository
from looma_cli.steps.sets import MANIFEST, read_manifest, too_new

READERS = 4  # deriving a key is work for a core


def summary_tags(manifest: BackupManifest) -> dict[str, str]:
    """What a manifest's snapshot is tagged with, so that a listing need not read it. A time of its own: restic's has whole seconds."""
    backup = manifest.backup
    stores = (f"{store.name}:{store.fingerprint.rows}:{store.fingerprint.digest}" for store in backup.datastores)
    return {
        "format": str(manifest.format),
        "by": manifest.written_by,
        "at": backup.created_at.isoformat(),
        "size": str(backup.size_bytes),
        "stored": str(backup.stored_bytes),
        "stores": " ".join(stores),
        "missing": " ".join(backup.missing),
    }


def listed(repository: Repository, tenant: str | None = None) -> list[Backup]:
    """The complete sets of a repository, newest first."""
    wanted = {"part": MANIFEST} | ({"tenant": tenant} if tenant else {})
    snapshots = repository.snapshots(wanted)[::-1]
    with ThreadPoolExecutor(READERS) as pool:
        return list(pool.map(lambda snapshot: _listed(repository, snapshot), snapshots))


def readable(repository: Repository, snapshot: RepositorySnapshot) -> BackupManifest | None:
    """A set, or None for one of a newer release or a damaged one. Raises what says nothing about the set."""
    try:
        return read_manifest(repository, snapshot)
    except (BackupTooNew, RepositoryDamaged, NotFound):
        return None


def _listed(repository: Repository, snapshot: RepositorySnapshot) -> Backup:
    tags = snapshot.tags
    try:
        known = _told(repository, snapshot) if "format" in tags else None
        return known or read_manifest(repository, snapshot).backup
    except (BackupTooNew, RepositoryDamaged, NotFound) as error:
        return _backup(repository, snapshot, snapshot.at, problem=error.message)


def _told(repository: Repository, snapshot: RepositorySnapshot) -> Backup | None:
    """By its tags alone; None where they are not as we write them. Raises BackupTooNew."""
    tags = snapshot.tags
    try:
        if int(tags["format"]) > BACKUP_FORMAT:
            raise too_new(tags["set"], tags.get("by", "?"))
        stores = tuple(_store(text) for text in tags["stores"].split())
        sizes = {"size_bytes": int(tags["size"]), "stored_bytes": int(tags["stored"])}
        at = datetime.fromisoformat(tags["at"])
    except (KeyError, ValueError):
        return None
    return _backup(repository, snapshot, at, datastores=stores, missing=tuple(tags.get("missing", "").split()), **sizes)


def _store(text: str) -> StoreSummary:
    name, rows, digest = text.split(":")
    return StoreSummary(name, FingerprintSummary(int(rows), digest))


def _backup(repository: Repository, snapshot: RepositorySnapshot, at: datetime, **facts: Any) -> Backup:
    tags: Mapping[str, str] = snapshot.tags
    named = {name: tags.get(name, "") for name in ("tenant", "kind", "edition", "release")}
    unknown: dict[str, Any] = {"size_bytes": 0, "stored_bytes": 0, "datastores": ()}
    return Backup(id=tags["set"], created_at=at, location=repository.location, **named, **{**unknown, **facts})
