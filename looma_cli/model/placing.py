"""What a tenant takes of a host, and what is known of a host's room."""

from __future__ import annotations

from dataclasses import dataclass, field

from looma_cli.model.edition import Edition
from looma_cli.model.host import HeldCounts, Host, Reserved

SPREAD, PACK = "spread", "pack"
POLICIES = (SPREAD, PACK)


@dataclass(frozen=True, slots=True)
class Footprint:
    """Memory and disk in bytes, and how many numbers of the port range and of the public ports, and how many subnets."""

    memory_bytes: int
    disk_bytes: int
    ports: int
    public_ports: int = 1
    subnets: int = 2  # one for each layer


def footprint(edition: Edition, profile: str) -> Footprint:
    """Memory is the sum of the containers' limits, which they cannot exceed. Disk is what the manifest requires for everything that it
    lists; of that, ``lite`` gets as large a part as of the memory. Every port counts, as if none had its documented number."""
    components = edition.of_profile(profile)
    memory, whole = _memory(edition, profile), _memory(edition, "full")
    disk = edition.requirements.disk_bytes if profile == "full" or not whole else edition.requirements.disk_bytes * memory // whole
    ports = sum(port.canonical is not None for component in components for port in component.ports)
    return Footprint(memory, disk, ports)


def _memory(edition: Edition, profile: str) -> int:
    return sum(component.resources[profile].memory_bytes for component in edition.of_profile(profile) if profile in component.resources)


@dataclass(frozen=True, slots=True)
class Room:
    """A host with what tenants have reserved and hold there."""

    host: Host
    reserved: Reserved = field(default_factory=Reserved)
    held: HeldCounts = field(default_factory=HeldCounts)


@dataclass(frozen=True, slots=True)
class Ceiling:
    """``tenants`` of one kind, those that are there included, are as many as ``what`` allows."""

    what: str
    tenants: int


@dataclass(frozen=True, slots=True)
class Forecast:
    """How many more tenants of one edition and profile a host can take: ``ceilings``, the lowest first. ``unknown`` names what could not
    be counted, since the host's size is not known."""

    edition: str
    profile: str
    each: Footprint
    ceilings: tuple[Ceiling, ...]
    unknown: tuple[str, ...] = ()
