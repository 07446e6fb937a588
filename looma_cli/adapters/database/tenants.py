"""Tenants with their ports and subnets, their secrets and health results."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from looma_cli.adapters.database import rows
from looma_cli.adapters.database.columns import ALLOCATIONS, HEALTH, SECRETS, STACK_FILES, SUBNETS, TENANTS
from looma_cli.adapters.database.faults import violated
from looma_cli.adapters.database.section import Section, no_tenant, uncollected
from looma_cli.errors import AlreadyExists
from looma_cli.model.health import ComponentHealth
from looma_cli.model.tenant import Allocation, PortDetail, StackPort, Subnet, Tenant


class TenantSection(Section):
    def tenants(self, *, platform: bool = False, ports: PortDetail = "whole") -> list[Tenant]:
        """Customers by name, or with ``platform`` the provider's own stacks instead. Three queries, or one, however many there are."""
        with uncollected():
            return self._assembled(None, ports, platform=platform)

    def tenant(self, name: str) -> Tenant:
        found = self._assembled(name)
        if not found:
            raise no_tenant(name)
        return found[0]

    def _assembled(self, name: str | None, detail: PortDetail = "whole", **equal: bool) -> list[Tenant]:
        """With a stack's own ports: what the edge holds for a tenant is not among them."""
        ports: defaultdict[str | None, list[Any]] = defaultdict(list)
        subnets: defaultdict[str, list[Subnet]] = defaultdict(list)
        if detail == "whole":
            for port in self._ports(tenant=name):
                if port.layer != "edge":
                    ports[port.tenant].append(port)
        elif detail == "listed":
            for row in self._each(rows.STACK_PORT_COLUMNS, (ALLOCATIONS.c.id,)):
                if row[2] != "edge":
                    ports[row[0]].append(tuple.__new__(StackPort, row))
        for row in self._each(rows.SUBNET_COLUMNS, (SUBNETS.c.id,), tenant=name) if detail != "none" else ():
            subnets[row[2]].append(Subnet(*row))
        found = self._find(rows.TENANT_COLUMNS, (TENANTS.c.name,), name=name, **equal)
        return [rows.tenant(row, ports.get(row[0], ()), subnets.get(row[0], ())) for row in found]

    def _ports(self, *, host: str | None = None, tenant: str | None = None) -> Iterator[Allocation]:
        """In order of insertion."""
        found = self._each(rows.ALLOCATION_COLUMNS, (ALLOCATIONS.c.id,), host=host, tenant=tenant)
        return rows.allocations(found)

    def has_tenant(self, name: str) -> bool:
        return bool(self._find((TENANTS.c.name,), name=name))

    def add_tenant(self, tenant: Tenant) -> None:
        """Raises AlreadyExists naming the tenant or the hostname."""
        self._saved(tenant, lambda: self._add(TENANTS, [rows.tenant_row(tenant)]))
        self._there.add(tenant.name)

    def save_tenant(self, tenant: Tenant) -> None:
        """Everything but ports and subnets. Raises NotFound, AlreadyExists for the hostname."""
        row = rows.tenant_row(tenant)
        if not self._saved(tenant, lambda: self._change(TENANTS, row, name=tenant.name)):
            raise no_tenant(tenant.name)

    def _saved(self, tenant: Tenant, save: Any) -> Any:
        try:
            with self._statement():
                return save()
        except IntegrityError as error:
            raise self._taken(tenant, violated(error)) from error

    def _taken(self, tenant: Tenant, constraint: str) -> AlreadyExists:
        if constraint == "tenants.name":
            return AlreadyExists(
                f"tenant {tenant.name} exists", f"choose another name, or look at it: looma tenant show {tenant.name}", tenant=tenant.name
            )
        owner = next((row[0] for row in self._find((TENANTS.c.name,), hostname=tenant.hostname)), None)
        return AlreadyExists(
            f"hostname {tenant.hostname} belongs to tenant {owner}",
            "choose another hostname, or take it from that tenant with looma tenant update",
            hostname=tenant.hostname,
            tenant=owner,
        )

    def remove_tenant(self, name: str) -> None:
        """Its allocations, subnets, secrets and health results go with it (ON DELETE CASCADE); operations stay."""
        self._there.discard(name)
        self._remove(STACK_FILES, tenant=name)
        self._remove(TENANTS, name=name)

    def _require_tenants(self, names: Iterable[str]) -> None:
        """Raises NotFound for the first that is not there."""
        wanted = set(names) - self._there
        if not wanted:
            return
        one = next(iter(wanted)) if len(wanted) == 1 else None
        for name in sorted(wanted - {row[0] for row in self._find((TENANTS.c.name,), name=one)}):
            raise no_tenant(name)

    def secrets(self, tenant: str) -> dict[str, str]:
        """Name -> sealed text."""
        return {row[0]: row[1] for row in self._find((SECRETS.c.name, SECRETS.c.sealed), (SECRETS.c.name,), tenant=tenant)}

    def any_secret(self) -> str | None:
        return self._connection.scalars(select(SECRETS.c.sealed).limit(1)).first()

    def save_secrets(self, tenant: str, sealed: Mapping[str, str]) -> None:
        """Adds or replaces these; others of the tenant stay."""
        self._require_tenants([tenant])
        self._put(SECRETS, ("tenant", "name"), [{"tenant": tenant, "name": name, "sealed": text} for name, text in sealed.items()])

    def health(self, tenant: str) -> list[ComponentHealth]:
        """The results of the last check, in its order; empty before the first."""
        found = self._find(rows.HEALTH_COLUMNS, (HEALTH.c.position,), tenant=tenant)
        return [ComponentHealth(*row) for row in found]

    def save_health(self, tenant: str, results: Sequence[ComponentHealth], at: datetime) -> None:
        """Replaces what was known, and the tenant's own ``health`` and ``checked_at`` with it (healthy when every component is).

        Raises NotFound when the tenant was deleted meanwhile.
        """
        summary = ("healthy" if all(result.healthy for result in results) else "unhealthy") if results else "unknown"
        if not self._change(TENANTS, {"health": summary, "checked_at": at}, name=tenant):
            raise no_tenant(tenant)
        self._remove(HEALTH, tenant=tenant)
        self._add(HEALTH, [rows.health_row(tenant, position, result, at) for position, result in enumerate(results)])
