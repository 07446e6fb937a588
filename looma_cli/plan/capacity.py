"""What is free on a host, and at which tenant it is full."""

from __future__ import annotations

from dataclasses import dataclass, fields

from looma_cli.model.placing import Ceiling, Footprint, Forecast, Room
from looma_cli.plan.observation import Limits
from looma_cli.plan.subnets import PREFIX

NAMES = {
    "memory_bytes": "memory",
    "disk_bytes": "disk",
    "ports": "ports",
    "public_ports": "public ports",
    "subnets": "address pool",
}


@dataclass(frozen=True, slots=True)
class Free:
    """What is left on a host; None where the host's size is not known. Below 0 where more is used than there is."""

    memory_bytes: int | None
    disk_bytes: int | None
    ports: int
    public_ports: int
    subnets: int


def free(room: Room, limits: Limits) -> Free:
    """What reservations leave of the size. Where the size is measured and not declared, what was measured as used counts too, if it is
    more than what is reserved: others use the machine as well."""
    ports, public = (high - low + 1 for low, high in (limits.port_range, limits.public_port_range))
    pool = limits.subnet_pool.num_addresses >> (32 - PREFIX)
    return Free(
        _left(room, "memory_bytes"),
        _left(room, "disk_bytes"),
        ports - room.held.ports,
        public - room.held.public_ports,
        pool - room.held.subnets,
    )


def _left(room: Room, name: str) -> int | None:
    host = room.host
    size = getattr(host.size, name, 0)
    if not size:
        return None
    used = 0 if host.used is None or getattr(host.declared, name, 0) else getattr(host.used, name)
    return size - max(getattr(room.reserved, name), used)


def forecast(edition: str, profile: str, each: Footprint, room: Room, limits: Limits) -> Forecast:
    """Ceilings for one kind of tenant, counted with the tenants that are there. Ports are counted, not looked for: a range in pieces may
    hold fewer blocks."""
    left = free(room, limits)
    ceilings, unknown = [], []
    for field in fields(Footprint):
        have, need, name = getattr(left, field.name), getattr(each, field.name), NAMES[field.name]
        if have is None:
            unknown.append(name)
        elif need:
            ceilings.append(Ceiling(name, room.host.tenants + max(have, 0) // need))
    ceilings.sort(key=lambda ceiling: ceiling.tenants)
    return Forecast(edition, profile, each, tuple(ceilings), tuple(unknown))
