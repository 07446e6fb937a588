"""What a switch is decided from, beside the state and the host: the live datastores, and the room beside them."""

from __future__ import annotations

from dataclasses import dataclass

from looma_cli.model.backup import Backup

FREEZE_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class StoreSeen:
    """A datastore of a tenant's data layer, asked just now. ``rows`` is counted only where its data would be left behind."""

    name: str
    follows: bool
    rows: int | None = None


@dataclass(frozen=True, slots=True)
class Room:
    """What a host has left, and what the tenant's data take (their newest backup's size; 0 where there is none)."""

    memory_bytes: int
    disk_bytes: int
    data_bytes: int = 0


@dataclass(frozen=True, slots=True)
class LeftBehind:
    """Data of a datastore that an earlier edition of the tenant had: ``rows`` of them in ``backup``."""

    store: str
    rows: int
    backup: Backup


@dataclass(frozen=True, slots=True)
class SwitchRequest:
    """``data`` is clone or reuse. ``accepted`` is the token that names the loss that is agreed to; ``safety`` takes a backup first;
    ``freeze_seconds`` is how long a ``migrate`` may keep writers waiting; ``restore_left`` fills datastores that an
    earlier edition of the tenant had too from the backup in which their data stayed."""

    tenant: str
    edition: str
    release: str | None = None
    data: str = "clone"
    keep_seconds: float = 3600.0
    safety: bool = True
    accepted: str | None = None
    freeze_seconds: float = FREEZE_SECONDS
    restore_left: bool = False


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What a switch came to on a shadow of the tenant. ``disk_bytes`` and ``memory_bytes`` are what the new layers took, None where the
    containers do not tell; ``migrate_ms`` is None where nothing migrates; ``rows`` is how many the data have; ``duration_ms`` includes
    the safety backup, if one was asked for."""

    tenant: str
    source: str
    target: str
    operation: str
    backup: str
    write_freeze_ms: int
    duration_ms: int
    disk_bytes: int | None
    memory_bytes: int | None
    rows: int
    migrate_ms: int | None = None
    warnings: tuple[str, ...] = ()
