"""``looma status`` as text: tenants, hosts, pending operations, one line of summary."""

from __future__ import annotations

from typing import Any

from looma_cli.cli.layout import Column, Painted
from looma_cli.cli.layout import table as laid_out
from looma_cli.cli.terminal import Screen
from looma_cli.cli.views import operations
from looma_cli.cli.words import ago, plural, state

TENANTS = (
    Column("tenant", least=12),
    Column("edition", drop=4, least=6),
    Column("release", drop=5),
    Column("host", drop=6, least=5),
    Column("status"),
    Column("health"),
    Column("checked", drop=3),
    Column("backup", drop=7),
    Column("url", drop=2),
)
HOSTS = (
    Column("host", least=8),
    Column("status"),
    Column("address", drop=2),
    Column("engine", drop=3, least=10),
    Column("checked", drop=1),
)


def page(fleet: Any, screen: Screen) -> list[str]:
    lines: list[str] = []
    if fleet.tenants:
        lines += [*laid_out(TENANTS, [_tenant(t) for t in fleet.tenants], screen), ""]
    if fleet.hosts:
        lines += [*laid_out(HOSTS, [_host(h) for h in fleet.hosts], screen), ""]
    if fleet.operations:
        lines += [screen.paint("Pending operations", "bold"), *operations.table(fleet.operations, screen), ""]
    return [*lines, summary(fleet, screen)]


def summary(fleet: Any, screen: Screen) -> str:
    counts = fleet.summary
    parts = [plural(counts["tenants"], "tenant"), f"{counts['running']} running"]
    unhealthy = f"{counts['unhealthy']} unhealthy"
    parts.append(screen.paint(unhealthy, "red") if counts["unhealthy"] else unhealthy)
    if fleet.operations:
        parts.append(screen.paint(f"{plural(len(fleet.operations), 'operation')} pending", "yellow"))
    return ", ".join(parts)


def _tenant(tenant: Any) -> tuple[str, ...]:
    url = Painted(tenant.url, "cyan" if tenant.status == "running" else "dim")
    backup = ago(tenant.last_backup)
    return (
        tenant.name, tenant.edition, tenant.release, tenant.host, state(tenant.status), state(tenant.health),
        ago(tenant.checked_at), backup, url,
    )  # fmt: skip


def _host(host: Any) -> tuple[str, ...]:
    engine = f"Docker {host.engine['version']}" if host.engine.get("version") else ""
    return host.name, state(host.status), host.address, engine, ago(host.checked_at)
