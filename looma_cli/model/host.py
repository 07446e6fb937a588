"""A host: a Docker engine, its size, and what already listens and routes there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Capacity:
    """CPUs as a number of cores, memory and disk in bytes."""

    cpus: float
    memory_bytes: int
    disk_bytes: int


@dataclass(frozen=True, slots=True)
class Host:
    """``url`` is ``local`` or ``ssh://user@name[:port]``; ``address`` is what customers' URLs show; ``status`` is
    ready, cordoned, unreachable or unknown."""

    name: str
    url: str
    address: str
    status: str = "unknown"
    labels: Mapping[str, str] = field(default_factory=dict)
    engine: Mapping[str, str] = field(default_factory=dict)
    capacity: Capacity | None = None
    used: Capacity | None = None
    tenants: int = 0
    checked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class EngineInformation:
    """What the engine says of itself. ``api`` is compared as a tuple: start intervals need (1, 44)."""

    version: str
    api: tuple[int, int]
    compose: str
    cpus: int
    memory_bytes: int
    root_directory: str
    rootless: bool = False


@dataclass(frozen=True, slots=True)
class Listener:
    """A listening socket on a host; address ``0.0.0.0`` and ``::`` mean every address."""

    address: str
    port: int
    protocol: str = "tcp"
    process: str = ""  # name and pid where they can be seen
