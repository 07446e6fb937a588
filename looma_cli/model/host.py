"""A host: a Docker engine, its size, and what already listens and routes there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Capacity:
    """CPUs as a number of cores, memory and disk in bytes."""

    cpus: float
    memory_bytes: int
    disk_bytes: int


class HostKey(NamedTuple):
    """A machine's public key as OpenSSH writes it (``ssh-ed25519 AAAA…``), and its fingerprint (``SHA256:…``)."""

    key: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Host:
    """``url`` is ``local`` or ``ssh://user@name[:port]``; ``address`` is what customers' URLs show.

    ``status`` is how the host was seen last: ready, unreachable, or unknown before the first look; ``cordoned`` is what the operator wants,
    whatever was seen. ``capacity`` and ``used`` are measured; ``declared`` is what the operator says there is for looma, 0 where that is
    left to the measurement. ``host_key`` is the pinned public key, empty until one is pinned. ``engine`` has the engine's id, version, api
    and compose.
    """

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
    host_key: str = ""
    cordoned: bool = False
    declared: Capacity | None = None

    @property
    def standing(self) -> str:
        """One word for status and cordon: ready, cordoned, unreachable or unknown."""
        return "cordoned" if self.cordoned and self.status != "unreachable" else self.status

    @property
    def size(self) -> Capacity | None:
        """What is counted on: declared, where something is declared, else measured; None where neither is known."""
        if self.declared is None:
            return self.capacity
        measured = self.capacity or Capacity(0, 0, 0)
        return Capacity(
            self.declared.cpus or measured.cpus,
            self.declared.memory_bytes or measured.memory_bytes,
            self.declared.disk_bytes or measured.disk_bytes,
        )

    @property
    def fingerprint(self) -> str:
        """Of the pinned key; empty where none is pinned."""
        return fingerprint_of(self.host_key) if self.host_key else ""


def fingerprint_of(key: str) -> str:
    """As ``ssh-keygen -l`` prints it: ``SHA256:`` and 43 characters (RFC 4648 base64 without padding)."""
    from base64 import b64decode, b64encode
    from hashlib import sha256

    return "SHA256:" + b64encode(sha256(b64decode(key.split()[1])).digest()).decode("ascii").rstrip("=")


@dataclass(frozen=True, slots=True)
class Reservation:
    """What a tenant holds of a host's size. ``sequence`` counts the reservations of a host: two who decide at the same moment would write
    the same number, and only one of them can. 0 leaves the number to the state."""

    host: str
    sequence: int
    tenant: str
    memory_bytes: int
    disk_bytes: int


@dataclass(frozen=True, slots=True)
class Reserved:
    """The sums of a host's reservations, and the highest sequence among them."""

    tenants: int = 0
    memory_bytes: int = 0
    disk_bytes: int = 0
    sequence: int = 0


@dataclass(frozen=True, slots=True)
class Unreserved:
    """Tenants of one kind on a host that reserved nothing there: made before hosts had reservations, restored, or rebuilt."""

    host: str
    edition: str
    profile: str
    tenants: int


@dataclass(frozen=True, slots=True)
class HeldCounts:
    """How many numbers of the ranges and subnets are allocated on a host."""

    ports: int = 0
    public_ports: int = 0
    subnets: int = 0


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
    id: str = ""  # the engine's own, the same whichever way it is reached


@dataclass(frozen=True, slots=True)
class Listener:
    """A listening socket on a host; address ``0.0.0.0`` and ``::`` mean every address."""

    address: str
    port: int
    protocol: str = "tcp"
    process: str = ""  # name and pid where they can be seen
