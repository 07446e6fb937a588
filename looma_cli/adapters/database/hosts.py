"""Hosts, and what is reserved and held on each."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, and_, bindparam, case, delete, exists, func, not_, select
from sqlalchemy.exc import IntegrityError

from looma_cli.adapters.database import rows
from looma_cli.adapters.database.columns import ALLOCATIONS, HOSTS, QUARANTINED_PORTS, RESERVATIONS, SUBNETS, TENANTS
from looma_cli.adapters.database.faults import violated
from looma_cli.adapters.database.section import Section
from looma_cli.errors import AlreadyExists, Conflict, NotFound, Overtaken
from looma_cli.model.host import HeldCounts, Host, Reservation, Reserved, Unreserved

TENANTS_OF_HOSTS = select(TENANTS.c.host, func.count()).group_by(TENANTS.c.host)
TENANTS_OF_HOST = select(func.count()).where(TENANTS.c.host == bindparam("host"))
RESERVED = select(
    RESERVATIONS.c.host,
    func.count(),
    func.sum(RESERVATIONS.c.memory_bytes),
    func.sum(RESERVATIONS.c.disk_bytes),
    func.max(RESERVATIONS.c.sequence),
).group_by(RESERVATIONS.c.host)
HIGHEST = select(func.max(RESERVATIONS.c.sequence)).where(RESERVATIONS.c.host == bindparam("host"))
RESERVED_ON = RESERVED.where(RESERVATIONS.c.host == bindparam("host"))
UNRESERVED = (
    select(TENANTS.c.host, TENANTS.c.edition, TENANTS.c.profile, func.count())
    .where(not_(exists().where(RESERVATIONS.c.tenant == TENANTS.c.name, RESERVATIONS.c.host == TENANTS.c.host)))
    .group_by(TENANTS.c.host, TENANTS.c.edition, TENANTS.c.profile)
)
SUBNETS_OF_HOSTS = select(SUBNETS.c.host, func.count()).group_by(SUBNETS.c.host)


def _within(name: str) -> Any:
    """How many host ports are in a range, whose ends are the parameters ``name_low`` and ``name_high``."""
    number = ALLOCATIONS.c.host_port
    inside = and_(number >= bindparam(f"{name}_low"), number <= bindparam(f"{name}_high"))
    return func.sum(case((inside, 1), else_=0))


PORTS_OF_HOSTS: Select[Any] = select(ALLOCATIONS.c.host, _within("ports"), _within("public")).group_by(ALLOCATIONS.c.host)


class HostSection(Section):
    def hosts(self, *, counted: bool = True) -> list[Host]:
        """By name, each with the number of its tenants; without ``counted`` that is 0, and all tenants need not be read."""
        tenants = {row[0]: row[1] for row in self._rows(TENANTS_OF_HOSTS, {})} if counted else {}
        return [rows.host(row, tenants.get(row[0], 0)) for row in self._find(rows.HOST_COLUMNS, (HOSTS.c.name,))]

    def host(self, name: str, *, counted: bool = True) -> Host:
        for row in self._find(rows.HOST_COLUMNS, name=name):
            return rows.host(row, self.tenants_on(name) if counted else 0)
        raise no_host(name)

    def tenants_on(self, host: str) -> int:
        """How many, the provider's own stacks among them."""
        return self._rows(TENANTS_OF_HOST, {"host": host})[0][0]

    def add_host(self, host: Host) -> None:
        """Raises AlreadyExists naming the host with the same name, URL or engine."""
        self._host_saved(host, lambda: self._add(HOSTS, [rows.host_row(host)]))

    def save_host(self, host: Host) -> None:
        """Adds or replaces it; ``tenants`` is counted, not saved. Raises AlreadyExists for the URL or engine of another."""
        self._host_saved(host, lambda: self._put(HOSTS, ("name",), [rows.host_row(host)]))

    def _host_saved(self, host: Host, save: Any) -> None:
        try:
            with self._statement():
                save()
        except IntegrityError as error:
            raise self._host_known(host, violated(error)) from error

    def _host_known(self, host: Host, constraint: str) -> Conflict:
        by_url = constraint == "hosts.url"
        same = {"url": host.url} if by_url else {"engine_id": host.engine.get("id")}
        other = next((row[0] for row in self._find((HOSTS.c.name,), **same)), "")
        if constraint == "hosts.name" or other == host.name:  # which one is told where several are violated is the database's choice
            return AlreadyExists(f"host {host.name} exists", f"looma host show {host.name}; choose another name", host=host.name)
        what = f"the address {host.url} is that" if by_url else f"the engine at {host.url} is the same as that"
        mend = f"use host {other}, or remove it first: looma host remove {other}"
        if not by_url:
            mend += "; a cloned machine needs an engine id of its own: remove /var/lib/docker/engine-id there and restart docker"
        return AlreadyExists(f"{what} of host {other}", mend, host=other)

    def remove_host(self, name: str) -> None:
        """The record, with the edge's own ports and quarantines there. Removing an absent one is no error."""
        self._connection.execute(delete(ALLOCATIONS).where(ALLOCATIONS.c.host == name, ALLOCATIONS.c.tenant.is_(None)))
        self._remove(QUARANTINED_PORTS, host=name)
        self._remove(HOSTS, name=name)

    # what is reserved and held
    def reserved(self) -> dict[str, Reserved]:
        """By host; one without reservations is left out."""
        return {row[0]: _reserved(row) for row in self._rows(RESERVED, {})}

    def reserved_on(self, host: str) -> Reserved:
        return next((_reserved(row) for row in self._rows(RESERVED_ON, {"host": host})), Reserved())

    def reserve(self, reservation: Reservation) -> None:
        """Raises Overtaken when the sequence is taken, AlreadyExists when the tenant has a reservation there, NotFound without a tenant."""
        sequence = reservation.sequence or (self._rows(HIGHEST, {"host": reservation.host})[0][0] or 0) + 1
        row = {name: getattr(reservation, name) for name in ("host", "tenant", "memory_bytes", "disk_bytes")} | {"sequence": sequence}
        try:
            with self._statement():
                self._add(RESERVATIONS, [row])
        except IntegrityError as error:
            raise _refusal(reservation, violated(error)) from error

    def resize_reservation(self, tenant: str, host: str, memory_bytes: int, disk_bytes: int) -> None:
        """Nothing where the tenant has none on that host."""
        self._change(RESERVATIONS, {"memory_bytes": memory_bytes, "disk_bytes": disk_bytes}, tenant=tenant, host=host)

    def release_reservation(self, tenant: str, host: str) -> None:
        """Nothing where there is none."""
        self._remove(RESERVATIONS, tenant=tenant, host=host)

    def reservations(self, tenant: str) -> list[Reservation]:
        found = self._find(tuple(RESERVATIONS.c), (RESERVATIONS.c.host,), tenant=tenant)
        return [Reservation(*row) for row in found]

    def unreserved(self) -> list[Unreserved]:
        """Tenants that live on a host without a reservation there, by host, edition and profile."""
        return [Unreserved(*row) for row in self._rows(UNRESERVED, {})]

    def held_counts(self, ports: tuple[int, int], public_ports: tuple[int, int]) -> dict[str, HeldCounts]:
        """By host: allocations within the two ranges (first and last port), and subnets. Plain rows, fast."""
        ends = dict(zip(("ports_low", "ports_high", "public_low", "public_high"), (*ports, *public_ports), strict=True))
        numbers = {row[0]: (int(row[1]), int(row[2])) for row in self._rows(PORTS_OF_HOSTS, ends)}
        subnets = {row[0]: row[1] for row in self._rows(SUBNETS_OF_HOSTS, {})}
        return {host: HeldCounts(*numbers.get(host, (0, 0)), subnets.get(host, 0)) for host in {*numbers, *subnets}}


def _reserved(row: Any) -> Reserved:
    """PostgreSQL's sums are decimals."""
    return Reserved(*(int(value) for value in row[1:]))


def _refusal(reservation: Reservation, constraint: str) -> Exception:
    host, tenant = reservation.host, reservation.tenant
    if constraint == "reservations.host":
        return Overtaken(f"another tenant was placed on host {host} at the same moment", "run the command again", host=host)
    if constraint == "reservations.tenant":
        return AlreadyExists(f"tenant {tenant} has a reservation on host {host}", "run the command again", host=host, tenant=tenant)
    return NotFound(f"there is no tenant {tenant}", "looma tenant list shows the tenants", tenant=tenant)


def no_host(name: str) -> NotFound:
    return NotFound(f"there is no host {name}", "looma host list shows the hosts; looma host add adds one", host=name)
