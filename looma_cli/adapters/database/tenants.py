"""Tenants with their ports and subnets, their secrets and health results, and the hosts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.exc import IntegrityError

from looma_cli.adapters.database import rows
from looma_cli.adapters.database.columns import ALLOCATIONS, HEALTH, HOSTS, SECRETS, STACK_FILES, SUBNETS, TENANTS
from looma_cli.adapters.database.faults import violated
from looma_cli.adapters.database.section import Section, no_tenant
from looma_cli.errors import AlreadyExists, NotFound
from looma_cli.model.health import ComponentHealth
from looma_cli.model.host import Host
from looma_cli.model.tenant import Allocation, Subnet, Tenant

IN_CLAUSE = 500  # more names or numbers than this are compared here: SQLite took at most 999 parameters for long


class TenantSection(Section):
    def tenants(self, *, platform: bool = False) -> list[Tenant]:
        """Customers by name, or with ``platform`` the provider's own stacks instead. Three queries, however many there are."""
        return self._assembled((), (), (TENANTS.c.platform.is_(platform),))

    def tenant(self, name: str) -> Tenant:
        found = self._assembled((ALLOCATIONS.c.tenant == name,), (SUBNETS.c.tenant == name,), (TENANTS.c.name == name,))
        if not found:
            raise no_tenant(name)
        return found[0]

    def _assembled(
        self, of_ports: Iterable[ColumnElement[bool]], of_subnets: Iterable[ColumnElement[bool]], of_tenants: Iterable[ColumnElement[bool]]
    ) -> list[Tenant]:
        """A stack's own ports: what the edge holds for a tenant is not among them."""
        ports: defaultdict[str, list[Allocation]] = defaultdict(list)
        subnets: defaultdict[str, list[Subnet]] = defaultdict(list)
        own = (ALLOCATIONS.c.tenant.is_not(None), ALLOCATIONS.c.layer != "edge")
        for row in self._rows(rows.ALLOCATION_COLUMNS, *own, *of_ports, order=ALLOCATIONS.c.id):
            ports[row[4]].append(Allocation(*row))
        for row in self._rows(rows.SUBNET_COLUMNS, *of_subnets, order=SUBNETS.c.id):
            subnets[row[2]].append(Subnet(*row))
        found = self._rows(rows.TENANT_COLUMNS, *of_tenants, order=TENANTS.c.name)
        return [rows.tenant(row, ports.get(row[0], ()), subnets.get(row[0], ())) for row in found]

    def has_tenant(self, name: str) -> bool:
        return self._row([TENANTS.c.name], TENANTS.c.name == name) is not None

    def add_tenant(self, tenant: Tenant) -> None:
        """Raises AlreadyExists naming the tenant or the hostname."""
        self._saved(tenant, lambda: self._insert(TENANTS, [rows.tenant_row(tenant)]))

    def save_tenant(self, tenant: Tenant) -> None:
        """Everything but ports and subnets. Raises NotFound, AlreadyExists for the hostname."""
        row = rows.tenant_row(tenant)
        if not self._saved(tenant, lambda: self._update(TENANTS, row, TENANTS.c.name == tenant.name)):
            raise no_tenant(tenant.name)

    def _saved(self, tenant: Tenant, save: Any) -> Any:
        try:
            with self._connection.begin_nested():
                return save()
        except IntegrityError as error:
            raise self._taken(tenant, violated(error)) from error

    def _taken(self, tenant: Tenant, constraint: str) -> AlreadyExists:
        if constraint == "tenants.name":
            return AlreadyExists(
                f"tenant {tenant.name} exists", f"choose another name, or look at it: looma tenant show {tenant.name}", tenant=tenant.name
            )
        owner = self._row([TENANTS.c.name], TENANTS.c.hostname == tenant.hostname)
        return AlreadyExists(
            f"hostname {tenant.hostname} belongs to tenant {owner[0] if owner else '(unknown)'}",
            "choose another hostname, or take it from that tenant with looma tenant update",
            hostname=tenant.hostname,
            tenant=owner[0] if owner else None,
        )

    def remove_tenant(self, name: str) -> None:
        """Its allocations, subnets, secrets and health results go with it (ON DELETE CASCADE); operations stay."""
        self._delete(STACK_FILES, STACK_FILES.c.tenant == name)
        self._delete(TENANTS, TENANTS.c.name == name)

    def _require_tenants(self, names: Iterable[str]) -> None:
        """Raises NotFound for the first that is not there."""
        wanted = set(names)
        where = (TENANTS.c.name.in_(wanted),) if len(wanted) <= IN_CLAUSE else ()
        for name in sorted(wanted - {row[0] for row in self._rows([TENANTS.c.name], *where)}):
            raise no_tenant(name)

    def secrets(self, tenant: str) -> dict[str, str]:
        """Name -> sealed text."""
        return {row[0]: row[1] for row in self._rows([SECRETS.c.name, SECRETS.c.sealed], SECRETS.c.tenant == tenant, order=SECRETS.c.name)}

    def save_secrets(self, tenant: str, sealed: Mapping[str, str]) -> None:
        """Adds or replaces these; others of the tenant stay."""
        self._require_tenants([tenant])
        self._upsert(SECRETS, ("tenant", "name"), [{"tenant": tenant, "name": name, "sealed": text} for name, text in sealed.items()])

    def health(self, tenant: str) -> list[ComponentHealth]:
        """The results of the last check, in its order; empty before the first."""
        found = self._rows(rows.HEALTH_COLUMNS, HEALTH.c.tenant == tenant, order=HEALTH.c.position)
        return [ComponentHealth(*row) for row in found]

    def save_health(self, tenant: str, results: Sequence[ComponentHealth], at: datetime) -> None:
        """Replaces what was known, and the tenant's own ``health`` and ``checked_at`` with it (healthy when every component is).

        Raises NotFound when the tenant was deleted meanwhile.
        """
        summary = ("healthy" if all(result.healthy for result in results) else "unhealthy") if results else "unknown"
        if not self._update(TENANTS, {"health": summary, "checked_at": at}, TENANTS.c.name == tenant):
            raise no_tenant(tenant)
        self._delete(HEALTH, HEALTH.c.tenant == tenant)
        self._insert(HEALTH, [rows.health_row(tenant, position, result, at) for position, result in enumerate(results)])

    def hosts(self) -> list[Host]:
        """By name, each with the number of its tenants."""
        count = select(TENANTS.c.host, func.count()).group_by(TENANTS.c.host)
        tenants: dict[str, int] = dict(self._connection.execute(count).all())  # type: ignore[arg-type]
        return [rows.host(row._mapping, tenants.get(row.name, 0)) for row in self._rows(HOSTS.c, order=HOSTS.c.name)]

    def host(self, name: str) -> Host:
        for host in self.hosts():
            if host.name == name:
                return host
        raise NotFound(f"there is no host {name}", "looma host list shows the hosts", host=name)

    def save_host(self, host: Host) -> None:
        """Adds or replaces it; ``tenants`` is counted, not saved."""
        self._upsert(HOSTS, ("name",), [rows.host_row(host)])
