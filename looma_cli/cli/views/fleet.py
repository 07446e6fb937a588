"""``looma status`` as text: tenants, hosts, pending operations, one line of summary."""

from __future__ import annotations

from typing import Any

from looma_cli.cli.layout import Column, Painted
from looma_cli.cli.layout import table as laid_out
from looma_cli.cli.terminal import Screen
from looma_cli.cli.views import hosts, operations
from looma_cli.cli.words import ago, plural, state

TENANTS = (
    Column("tenant", least=12),
    Column("edition", drop=6, least=6),
    Column("release", drop=7),
    Column("host", drop=8, least=5),
    Column("status"),
    Column("health"),
    Column("checked", drop=5),
    Column("backup", drop=2),
    Column("proven", drop=3),
    Column("url", drop=4),
)
CONCERNS = (Column("backups of", least=10), Column("state"), Column("why", least=20, wrap=True))
HOSTS = (
    Column("host", least=8),
    Column("status"),
    Column("tenants", right=True, drop=2),
    Column("memory", drop=3),
    Column("disk", drop=4),
    Column("address", drop=5),
    Column("engine", drop=6, least=10),
    Column("checked", drop=1),
)
PROBLEMS = (Column("host", least=8), Column("why it cannot be reached", least=20, wrap=True))


def page(fleet: Any, screen: Screen) -> list[str]:
    lines: list[str] = []
    if fleet.tenants:
        lines += [*laid_out(TENANTS, [_tenant(t) for t in fleet.tenants], screen), ""]
    if fleet.concerns:
        lines += [*laid_out(CONCERNS, _concerns(fleet), screen), ""]
    if fleet.hosts:
        lines += [*laid_out(HOSTS, [_host(h) for h in fleet.hosts], screen), ""]
    if fleet.problems:
        lines += [*laid_out(PROBLEMS, [(name, Painted(why, "red")) for name, why in fleet.problems.items()], screen), ""]
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
    return (
        tenant.name, tenant.edition, tenant.release, tenant.host, state(tenant.status), state(tenant.health),
        ago(tenant.checked_at), ago(tenant.last_backup), ago(tenant.last_proof), url,
    )  # fmt: skip


def _concerns(fleet: Any) -> list[tuple[str, ...]]:
    return [(name, state(line.state), Painted(line.detail, "red")) for name, lines in fleet.concerns.items() for line in lines]


def _host(host: Any) -> tuple[str, ...]:
    return (
        host.name, hosts.standing(host), str(host.tenants), hosts.used(host, "memory_bytes"), hosts.used(host, "disk_bytes"),
        host.address, hosts.engine(host), ago(host.checked_at),
    )  # fmt: skip
