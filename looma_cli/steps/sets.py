"""Backup sets in a repository: a set is there when its manifest is, which is written last."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from weakref import WeakKeyDictionary

from looma_cli.errors import BackupTooNew, NotFound, RepositoryDamaged
from looma_cli.model.backup import BACKUP_FORMAT, BackupManifest, RepositorySnapshot, SavedStream, decode_backup
from looma_cli.model.codec import encode
from looma_cli.model.protocols import Chunks, Repository

MANIFEST = "manifest"
MANIFEST_FILE = "manifest.json"
# A manifest never changes, and reading one costs two starts of restic: each is read once as long as the repository is open.
_READ: WeakKeyDictionary[Repository, dict[str, BackupManifest]] = WeakKeyDictionary()
_SEEN: WeakKeyDictionary[Repository, dict[str, list[RepositorySnapshot]]] = WeakKeyDictionary()


def set_snapshots(repository: Repository, id: str) -> list[RepositorySnapshot]:
    """All snapshots of a set, its manifest's last; also those of one that was cut short."""
    return sorted(repository.snapshots({"set": id}), key=lambda snapshot: snapshot.tags.get("part") == MANIFEST)


def look(repository: Repository, id: str) -> None:
    """Open the repository, and remember what it has of a set that is about to be made: a second look would cost another start of restic."""
    _SEEN.setdefault(repository, {})[id] = set_snapshots(repository, id)


def seen_snapshots(repository: Repository, id: str) -> list[RepositorySnapshot]:
    """``set_snapshots``, as ``look`` saw them just before; once, since from then on there may be more."""
    seen = _SEEN.get(repository, {}).pop(id, None)
    return set_snapshots(repository, id) if seen is None else seen


def is_complete(repository: Repository, id: str) -> bool:
    return bool(repository.snapshots({"set": id, "part": MANIFEST}))


def read_set(repository: Repository, id: str) -> BackupManifest:
    """Raises NotFound for a set that is not there or was never completed, BackupTooNew, RepositoryDamaged."""
    known = _READ.get(repository, {}).get(id)
    if known is not None:
        return known
    found = repository.snapshots({"set": id, "part": MANIFEST})
    if not found:
        raise NotFound(f"there is no backup {id} in {repository.location}", "looma backup list shows them", backup=id)
    return remembered(repository, read_manifest(repository, found[-1]))


def remembered(repository: Repository, manifest: BackupManifest) -> BackupManifest:
    """The same manifest, known from now on without being read."""
    _READ.setdefault(repository, {})[manifest.backup.id] = manifest
    return manifest


def read_manifest(repository: Repository, snapshot: RepositorySnapshot) -> BackupManifest:
    """See ``read_set``; the location is the one that it was read from."""
    with repository.open(snapshot.id, snapshot.name) as chunks:
        text = b"".join(chunks)
    try:
        document = json.loads(text)
    except ValueError as error:
        raise RepositoryDamaged(f"the manifest in snapshot {snapshot.id} is not readable: {error}", "restic check --read-data") from error
    if document.get("format", 0) > BACKUP_FORMAT:
        raise too_new(snapshot.tags.get("set", "?"), document.get("written_by", "?"))
    backup = replace(decode_backup(document["backup"]), location=repository.location)
    known = {name: document[name] for name in ("tenant", "files", "secrets", "written_by", "format")}
    return BackupManifest(backup=backup, images=tuple(document["images"]), short=document.get("short", {}), **known)


def too_new(id: str, written_by: str) -> BackupTooNew:
    return BackupTooNew(f"backup {id} was written by a newer looma ({written_by})", "use that release, or a newer one, to restore it")


def manifest_bytes(manifest: BackupManifest) -> bytes:
    return json.dumps(encode(manifest), ensure_ascii=False, indent=1, sort_keys=True).encode()


def stream_readers(repository: Repository, manifest: BackupManifest, store: str) -> dict[str, Callable[[], Chunks]]:
    """The driver's streams by name, each opened on demand. Raises RepositoryDamaged for one that is not there.

    A stream is found by its set and its name: in a copy of the repository its snapshot has another id than the manifest says.
    """
    id, streams = manifest.backup.id, manifest.store(store).streams
    own = any(stream.snapshot for stream in streams)
    there = {snapshot.name: snapshot.id for snapshot in repository.snapshots({"set": id, "part": store})} if own else {}

    def reader(stream: SavedStream) -> Callable[[], Any]:
        if not stream.snapshot:
            return lambda: _from_manifest(manifest.short[stream.name])
        return lambda: repository.open(there[stream.name], stream.name)

    for stream in streams:
        if stream.name not in (there if stream.snapshot else manifest.short):
            raise RepositoryDamaged(f"backup {id} has lost {stream.name}", "restore from a copy, or an older backup")
    return {stream.stream: reader(stream) for stream in streams}


@contextmanager
def _from_manifest(text: str) -> Iterator[Iterator[bytes]]:
    yield iter([b64decode(text)])
