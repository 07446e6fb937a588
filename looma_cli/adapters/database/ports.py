"""Ports and subnets that layers hold. A UNIQUE constraint judges equal ones; overlaps of unequal ones (0.0.0.0 with 127.0.0.1,
a /25 with a /26) are looked for here, which is safe because every writer is alone in its transaction."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_network
from itertools import repeat

from sqlalchemy import Text, bindparam, cast, delete, func, literal_column, or_, select

from looma_cli.adapters.database import rows
from looma_cli.adapters.database.columns import ALLOCATIONS, QUARANTINED_PORTS, SUBNETS
from looma_cli.adapters.database.section import uncollected
from looma_cli.adapters.database.tenants import TenantSection
from looma_cli.errors import PortTaken, SubnetTaken
from looma_cli.model.tenant import Allocation, Subnet

EVERY_ADDRESS = frozenset(("0.0.0.0", "::"))
EDGE_ADDRESS = "0.0.0.0"
FEW = 500  # more ports than this are compared here: SQLite took at most 999 parameters for long

OF_EDGE = (ALLOCATIONS.c.tenant.is_(None), ALLOCATIONS.c.layer == "edge")
TCP_PORTS_OF_HOST = (  # one row, the ports joined by commas: read many times faster than thousands of rows, by every create
    select(func.aggregate_strings(cast(ALLOCATIONS.c.host_port, Text), literal_column("','")))
    .where(ALLOCATIONS.c.host == bindparam("host"), ALLOCATIONS.c.protocol == "tcp")
)  # fmt: skip
OTHER_PORTS_OF_HOST = (
    select(ALLOCATIONS.c.protocol, ALLOCATIONS.c.host_port)
    .where(ALLOCATIONS.c.host == bindparam("host"), ALLOCATIONS.c.protocol != "tcp")
)  # fmt: skip
AMONG_PORTS = select(*rows.ALLOCATION_COLUMNS).where(
    ALLOCATIONS.c.host == bindparam("host"), ALLOCATIONS.c.host_port.in_(bindparam("ports", expanding=True))
)
AMONG_PORTS_OF_SQLITE = select(*rows.ALLOCATION_COLUMNS).where(  # the ports as JSON, so that it is one statement for any number of them
    ALLOCATIONS.c.host == bindparam("host"),
    ALLOCATIONS.c.host_port.in_(select(func.json_each(bindparam("ports", type_=Text)).table_valued("value").c.value)),
)
EDGE_PORTS = (
    select(ALLOCATIONS.c.component, ALLOCATIONS.c.host_port)
    .where(ALLOCATIONS.c.host == bindparam("host"), *OF_EDGE)
    .order_by(ALLOCATIONS.c.id)
)
LIVE_QUARANTINES = (
    select(*(QUARANTINED_PORTS.c[name] for name in ("host", "address", "host_port", "protocol")))
    .where(QUARANTINED_PORTS.c.expires_at > bindparam("now"))
    .order_by(QUARANTINED_PORTS.c.host, QUARANTINED_PORTS.c.host_port, QUARANTINED_PORTS.c.address)
)
LIVE_QUARANTINES_OF_HOST = LIVE_QUARANTINES.where(QUARANTINED_PORTS.c.host == bindparam("host"))
CIDRS_OF_HOST = select(SUBNETS.c.cidr).where(SUBNETS.c.host == bindparam("host")).order_by(SUBNETS.c.id)
OVERLAPPING = select(*rows.SUBNET_COLUMNS).where(
    SUBNETS.c.host == bindparam("host"), or_(SUBNETS.c.cidr == bindparam("cidr"), SUBNETS.c.cidr.not_like(bindparam("size")))
)


class PortSection(TenantSection):
    def allocations(self, *, host: str | None = None, tenant: str | None = None) -> list[Allocation]:
        """In order of insertion, then what is in quarantine (which belongs to no tenant)."""
        with uncollected():
            found = list(self._ports(host=host, tenant=tenant))
        return found if tenant is not None else found + self._quarantined(host)

    def _quarantined(self, host: str | None) -> list[Allocation]:
        statement, of_host = (LIVE_QUARANTINES, {}) if host is None else (LIVE_QUARANTINES_OF_HOST, {"host": host})
        return [rows.quarantined(*row) for row in self._rows(statement, {"now": self.now()} | of_host)]

    def taken_ports(self, host: str) -> set[tuple[str, int]]:
        """(protocol, host port) of everything allocated or in quarantine there."""
        [(ports,)] = self._rows(TCP_PORTS_OF_HOST, {"host": host})
        taken = set(zip(repeat("tcp"), json.loads(f"[{ports or ''}]")))
        taken.update((protocol, port) for protocol, port in self._rows(OTHER_PORTS_OF_HOST, {"host": host}))
        taken.update((port.protocol, port.host_port) for port in self._quarantined(host))
        return taken

    def quarantine(self, host: str, address: str, port: int, protocol: str, until: datetime) -> None:
        """Keeps planners away from a port. It stands beside an allocation of the same port, stays when that is removed, and does not
        stop an undo from putting one back. Ended ones are swept on the way."""
        self._connection.execute(delete(QUARANTINED_PORTS).where(QUARANTINED_PORTS.c.expires_at <= self.now()))
        row = {"host": host, "address": address, "host_port": port, "protocol": protocol, "expires_at": until}
        self._put(QUARANTINED_PORTS, ("host", "address", "host_port", "protocol"), [row])

    def add_allocations(self, allocations: Iterable[Allocation]) -> None:
        """All or none. Raises PortTaken naming the port and who holds it, NotFound for a tenant that is not there."""
        new = list(allocations)
        self._refuse_taken(new)
        self._require_tenants(a.tenant for a in new if a.tenant is not None)
        self._add(ALLOCATIONS, [rows.allocation_row(allocation) for allocation in new])

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
        if len(ports) > FEW:
            found = self._find(rows.ALLOCATION_COLUMNS, host=host)
        elif self._driver is not None:
            found = self._rows(AMONG_PORTS_OF_SQLITE, {"host": host, "ports": json.dumps(list(ports))})
        else:
            found = self._rows(AMONG_PORTS, {"host": host, "ports": list(ports)})
        return (Allocation(*row) for row in found)

    def set_allocation_state(self, tenant: str, layer: str, generation: int, state: str) -> None:
        self._change(ALLOCATIONS, {"state": state}, tenant=tenant, layer=layer, generation=generation)

    def remove_allocations(self, tenant: str, layer: str, generation: int) -> None:
        self._remove(ALLOCATIONS, tenant=tenant, layer=layer, generation=generation)

    def edge_ports(self, host: str) -> dict[str, int]:
        return {row[0]: row[1] for row in self._rows(EDGE_PORTS, {"host": host})}

    def save_edge_ports(self, host: str, ports: Mapping[str, int]) -> None:
        """Replaces them, on every address of the host. Raises PortTaken."""
        self._connection.execute(delete(ALLOCATIONS).where(ALLOCATIONS.c.host == host, *OF_EDGE))
        self.add_allocations(
            Allocation(host, EDGE_ADDRESS, port, "tcp", None, "edge", 0, component, port, port in (80, 443), "bound")
            for component, port in ports.items()
        )

    def subnets(self, *, host: str | None = None, tenant: str | None = None) -> list[Subnet]:
        return [Subnet(*row) for row in self._find(rows.SUBNET_COLUMNS, (SUBNETS.c.id,), host=host, tenant=tenant)]

    def taken_subnets(self, host: str) -> list[str]:
        return [row[0] for row in self._rows(CIDRS_OF_HOST, {"host": host})]

    def add_subnets(self, subnets: Iterable[Subnet]) -> None:
        """All or none. Raises SubnetTaken naming the subnet and who holds what overlaps it, NotFound for an unknown tenant."""
        new = list(subnets)
        for position, subnet in enumerate(new):
            for other in (*self._overlapping_candidates(subnet), *new[:position]):
                if other.host == subnet.host and _network(other.cidr).overlaps(_network(subnet.cidr)):
                    raise _subnet_taken(subnet, other)
        self._require_tenants(subnet.tenant for subnet in new)
        self._add(SUBNETS, [rows.subnet_row(subnet) for subnet in new])

    def _overlapping_candidates(self, subnet: Subnet) -> Iterator[Subnet]:
        """Networks of one size overlap only when they are equal, so only those of another size have to be compared."""
        size = f"%/{_network(subnet.cidr).prefixlen}"
        found = self._rows(OVERLAPPING, {"host": subnet.host, "cidr": subnet.cidr, "size": size})
        return (Subnet(*row) for row in found)

    def remove_subnets(self, tenant: str, layer: str, generation: int) -> None:
        self._remove(SUBNETS, tenant=tenant, layer=layer, generation=generation)


@lru_cache(maxsize=256)
def _network(cidr: str) -> IPv4Network | IPv6Network:
    return ip_network(cidr)


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
