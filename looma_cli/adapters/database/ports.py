"""Ports and subnets that layers hold. A UNIQUE constraint judges equal ones; overlaps of unequal ones (0.0.0.0 with 127.0.0.1,
a /25 with a /26) are looked for here, which is safe because every writer is alone in its transaction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from ipaddress import ip_network
from typing import Any

from sqlalchemy import ColumnElement

from looma_cli.adapters.database import rows
from looma_cli.adapters.database.columns import ALLOCATIONS, QUARANTINED_PORTS, SUBNETS
from looma_cli.adapters.database.tenants import IN_CLAUSE, TenantSection
from looma_cli.errors import PortTaken, SubnetTaken
from looma_cli.model.tenant import Allocation, Subnet

EVERY_ADDRESS = frozenset(("0.0.0.0", "::"))
EDGE_ADDRESS = "0.0.0.0"


class PortSection(TenantSection):
    def allocations(self, *, host: str | None = None, tenant: str | None = None) -> list[Allocation]:
        """In order of insertion, then what is in quarantine (which belongs to no tenant)."""
        where = _where(ALLOCATIONS.c, host=host, tenant=tenant)
        found = [Allocation(*row) for row in self._rows(rows.ALLOCATION_COLUMNS, *where, order=ALLOCATIONS.c.id)]
        return found if tenant is not None else found + self._quarantined(host)

    def _quarantined(self, host: str | None) -> list[Allocation]:
        columns = QUARANTINED_PORTS.c
        where = (*_where(columns, host=host), columns.expires_at > self._clock.now())
        order = (columns.host, columns.host_port, columns.address)
        found = self._rows([columns.host, columns.address, columns.host_port, columns.protocol], *where, order=order)
        return [rows.quarantined(*row) for row in found]

    def taken_ports(self, host: str) -> set[tuple[str, int]]:
        """(protocol, host port) of everything allocated or in quarantine there."""
        allocated = self._rows([ALLOCATIONS.c.protocol, ALLOCATIONS.c.host_port], ALLOCATIONS.c.host == host)
        live = (QUARANTINED_PORTS.c.host == host, QUARANTINED_PORTS.c.expires_at > self._clock.now())
        quarantined = self._rows([QUARANTINED_PORTS.c.protocol, QUARANTINED_PORTS.c.host_port], *live)
        return {(row[0], row[1]) for rows_found in (allocated, quarantined) for row in rows_found}

    def quarantine(self, host: str, address: str, port: int, protocol: str, until: datetime) -> None:
        """Keeps planners away from a port. It stands beside an allocation of the same port, stays when that is removed, and does not
        stop an undo from putting one back. Ended ones are swept on the way."""
        self._delete(QUARANTINED_PORTS, QUARANTINED_PORTS.c.expires_at <= self._clock.now())
        row = {"host": host, "address": address, "host_port": port, "protocol": protocol, "expires_at": until}
        self._upsert(QUARANTINED_PORTS, ("host", "address", "host_port", "protocol"), [row])

    def add_allocations(self, allocations: Iterable[Allocation]) -> None:
        """All or none. Raises PortTaken naming the port and who holds it, NotFound for a tenant that is not there."""
        new = list(allocations)
        self._refuse_taken(new)
        self._require_tenants(a.tenant for a in new if a.tenant is not None)
        self._insert(ALLOCATIONS, [rows.allocation_row(allocation) for allocation in new])

    def _refuse_taken(self, new: list[Allocation]) -> None:
        by_host: defaultdict[str, list[Allocation]] = defaultdict(list)
        for allocation in new:
            by_host[allocation.host].append(allocation)
        for host, wanted in by_host.items():
            held: defaultdict[tuple[int, str], list[Allocation]] = defaultdict(list)
            for allocation in self._holding(host, {a.host_port for a in wanted}):
                held[allocation.host_port, allocation.protocol].append(allocation)
            for allocation in wanted:
                same = held[allocation.host_port, allocation.protocol]
                for other in same:
                    if _overlap(allocation.address, other.address):
                        raise _port_taken(allocation, other)
                same.append(allocation)

    def _holding(self, host: str, ports: set[int]) -> Iterator[Allocation]:
        """What is allocated on these ports of that host."""
        where = [ALLOCATIONS.c.host == host]
        if len(ports) <= IN_CLAUSE:
            where.append(ALLOCATIONS.c.host_port.in_(ports))
        for row in self._rows(rows.ALLOCATION_COLUMNS, *where):
            yield Allocation(*row)

    def set_allocation_state(self, tenant: str, layer: str, generation: int, state: str) -> None:
        self._update(ALLOCATIONS, {"state": state}, *_of_layer(ALLOCATIONS.c, tenant, layer, generation))

    def remove_allocations(self, tenant: str, layer: str, generation: int) -> None:
        self._delete(ALLOCATIONS, *_of_layer(ALLOCATIONS.c, tenant, layer, generation))

    def edge_ports(self, host: str) -> dict[str, int]:
        found = self._rows([ALLOCATIONS.c.component, ALLOCATIONS.c.host_port], *_of_edge(host), order=ALLOCATIONS.c.id)
        return {row[0]: row[1] for row in found}

    def save_edge_ports(self, host: str, ports: Mapping[str, int]) -> None:
        """Replaces them, on every address of the host. Raises PortTaken."""
        self._delete(ALLOCATIONS, *_of_edge(host))
        self.add_allocations(
            Allocation(host, EDGE_ADDRESS, port, "tcp", None, "edge", 0, component, port, port in (80, 443), "bound")
            for component, port in ports.items()
        )

    def subnets(self, *, host: str | None = None, tenant: str | None = None) -> list[Subnet]:
        where = _where(SUBNETS.c, host=host, tenant=tenant)
        return [Subnet(*row) for row in self._rows(rows.SUBNET_COLUMNS, *where, order=SUBNETS.c.id)]

    def taken_subnets(self, host: str) -> list[str]:
        return [row[0] for row in self._rows([SUBNETS.c.cidr], SUBNETS.c.host == host, order=SUBNETS.c.id)]

    def add_subnets(self, subnets: Iterable[Subnet]) -> None:
        """All or none. Raises SubnetTaken naming the subnet and who holds what overlaps it, NotFound for an unknown tenant."""
        new = list(subnets)
        for position, subnet in enumerate(new):
            for other in (*self._overlapping_candidates(subnet), *new[:position]):
                if other.host == subnet.host and ip_network(other.cidr).overlaps(ip_network(subnet.cidr)):
                    raise _subnet_taken(subnet, other)
        self._require_tenants(subnet.tenant for subnet in new)
        self._insert(SUBNETS, [rows.subnet_row(subnet) for subnet in new])

    def _overlapping_candidates(self, subnet: Subnet) -> Iterator[Subnet]:
        """Networks of one size overlap only when they are equal, so only those of another size have to be compared."""
        of_host = SUBNETS.c.host == subnet.host
        another_size = SUBNETS.c.cidr.not_like(f"%/{ip_network(subnet.cidr).prefixlen}")
        for where in (SUBNETS.c.cidr == subnet.cidr, another_size):
            for row in self._rows(rows.SUBNET_COLUMNS, of_host, where):
                yield Subnet(*row)

    def remove_subnets(self, tenant: str, layer: str, generation: int) -> None:
        self._delete(SUBNETS, *_of_layer(SUBNETS.c, tenant, layer, generation))


def _where(columns: Any, **given: str | None) -> tuple[ColumnElement[bool], ...]:
    return tuple(columns[name] == value for name, value in given.items() if value is not None)


def _of_layer(columns: Any, tenant: str, layer: str, generation: int) -> tuple[ColumnElement[bool], ...]:
    return (columns.tenant == tenant, columns.layer == layer, columns.generation == generation)


def _of_edge(host: str) -> tuple[ColumnElement[bool], ...]:
    return (ALLOCATIONS.c.host == host, ALLOCATIONS.c.tenant.is_(None), ALLOCATIONS.c.layer == "edge")


def _overlap(one: str, other: str) -> bool:
    """Whether two sockets of the same port cannot both listen: the same address, or one of them on every address."""
    return one == other or one in EVERY_ADDRESS or other in EVERY_ADDRESS


def _port_taken(wanted: Allocation, other: Allocation) -> PortTaken:
    holder = f"{other.component} of tenant {other.tenant}" if other.tenant else f"the edge ({other.component})"
    return PortTaken(
        f"port {wanted.address}:{wanted.host_port}/{wanted.protocol} on host {wanted.host} is held by {holder}",
        "looma port list shows who holds which port",
        host=wanted.host,
        address=wanted.address,
        port=wanted.host_port,
        protocol=wanted.protocol,
        tenant=other.tenant,
        component=other.component,
    )


def _subnet_taken(wanted: Subnet, other: Subnet) -> SubnetTaken:
    return SubnetTaken(
        f"subnet {wanted.cidr} on host {wanted.host} overlaps {other.cidr} of tenant {other.tenant}",
        "looma network list shows who holds which subnet",
        host=wanted.host,
        cidr=wanted.cidr,
        tenant=other.tenant,
    )
