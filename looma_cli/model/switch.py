"""What a switch is decided from, beside the state and the host: the live datastores, and the room beside them."""

from __future__ import annotations

from dataclasses import dataclass


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
class SwitchRequest:
    """``data`` is clone or reuse. ``accepted`` is the token that names the loss that is agreed to; ``safety`` takes a backup first."""

    tenant: str
    edition: str
    release: str | None = None
    data: str = "clone"
    keep_seconds: float = 3600.0
    safety: bool = True
    accepted: str | None = None


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What a switch came to on a shadow of the tenant. ``disk_bytes`` and ``memory_bytes`` are what the new layers took, None where the
    containers do not tell; ``rows`` is how many the data have; ``duration_ms`` includes the safety backup, if one was asked for."""

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
    warnings: tuple[str, ...] = ()
