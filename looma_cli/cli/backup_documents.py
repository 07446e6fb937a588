"""JSON shapes of backups; see ``documents``."""

from __future__ import annotations

from typing import Any

from looma_cli.cli.documents import Document, time


def backup(noun: Any) -> Document:
    return {
        "id": noun.id,
        "tenant": noun.tenant,
        "kind": noun.kind,
        "created_at": time(noun.created_at),
        "size_bytes": noun.size_bytes,
        "stored_bytes": noun.stored_bytes,
        "datastores": [_store_backup(store) for store in noun.datastores],
        "edition": noun.edition,
        "release": noun.release,
        "verified_at": time(noun.verified_at),
        "location": noun.location,
        "missing": list(noun.missing),
        "restore_ms": noun.restore_ms,
        "problem": noun.problem,
    }


def _store_backup(noun: Any) -> Document:
    return {"name": noun.name, "fingerprint": noun.fingerprint.digest, "rows": noun.fingerprint.rows}


def backup_details(noun: Any) -> Document:
    """``backup`` with all that is known of each datastore."""
    return {**backup(noun), "datastores": [_store_details(store) for store in noun.datastores]}


def _store_details(noun: Any) -> Document:
    return {
        **_store_backup(noun),
        "engine": noun.information.engine,
        "version": noun.information.version,
        "position": dict(noun.position),
        "size_bytes": sum(stream.size_bytes for stream in noun.streams),
        "stored_bytes": sum(stream.stored_bytes for stream in noun.streams),
        "parts": [{"name": part.name, "rows": part.rows, "checksum": part.checksum} for part in noun.fingerprint.parts],
    }


def exported(noun: Any) -> Document:
    return {"tenant": noun.tenant, "backup": noun.backup, "file": noun.file, "size_bytes": noun.size_bytes}


def schedule(noun: Any) -> Document:
    known = noun.schedule
    if known is None:
        return {"installed": False}
    return {
        "installed": True,
        **known.specification(),
        "installed_at": time(known.installed_at),
        "next_run_at": time(noun.next_run_at),
        "files": list(noun.files),
        "problem": noun.problem,
        "advice": noun.advice,
    }
