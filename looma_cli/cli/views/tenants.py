"""Tenants as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.cells import cell_len

from looma_cli.cli.layout import Column, Painted, cut, facts, panel
from looma_cli.cli.layout import table as laid_out
from looma_cli.cli.terminal import Screen
from looma_cli.cli.words import ago, moment, plural, size, state

COLUMNS = (
    Column("name", least=12),
    Column("edition", drop=3),
    Column("title", drop=7),
    Column("release", drop=5),
    Column("status"),
    Column("health", drop=1),
    Column("url", drop=2),
)


def table(tenants: Sequence[Any], screen: Screen, titles: Mapping[str, str] | None = None) -> list[str]:
    rows = [
        (
            t.name,
            t.edition,
            (titles or {}).get(t.edition, ""),
            t.release,
            state(t.status),
            state(t.health),
            Painted(t.url, "cyan" if t.status == "running" else "dim"),
        )
        for t in tenants
    ]
    return laid_out(COLUMNS, rows, screen)


def card(tenant: Any, screen: Screen) -> list[str]:
    """Everything about one tenant."""
    lines = [headline(tenant, screen), *facts(_facts(tenant), screen, "  ")]
    ports = [port for port in tenant.ports if port.layer != "edge"]
    if ports:
        rows = [(p.component, p.layer, f"{p.address}:{p.host_port}", str(p.container_port), state(p.state)) for p in ports]
        columns = (
            Column("component", least=12),
            Column("layer", drop=2),
            Column("address"),
            Column("inside", right=True, drop=1),
            Column("state", drop=3),
        )
        lines += ["", *laid_out(columns, rows, screen)]
    return lines


def card_under_way(shown: tuple[Any, Sequence[Any]], screen: Screen) -> list[str]:
    """The card, and the tenant's operations that are not through."""
    from looma_cli.cli.views import operations

    tenant, unfinished = shown
    more = ["", screen.paint("Pending operations", "bold"), *operations.table(unfinished, screen)] if unfinished else []
    return [*card(tenant, screen), *more]


def headline(tenant: Any, screen: Screen) -> str:
    status = state(tenant.status)
    name = screen.paint(tenant.name, "bold")
    room = None if screen.width is None else screen.width - cell_len(f"{tenant.name}    {status}")
    display = "" if tenant.display_name == tenant.name else f"  {tenant.display_name if room is None else cut(tenant.display_name, room)}"
    return f"{name}{display}  {screen.paint(status[:1], status.style)} {status[2:]}"


def brief(tenant: Any, screen: Screen) -> list[str]:
    """What a changing verb answers."""
    return [headline(tenant, screen), *facts([("edition", f"{tenant.edition} {tenant.release}"), ("url", tenant.url)], screen, "  ")]


def deleted(tenant: Any, screen: Screen) -> list[str]:
    return [f"deleted {screen.paint(tenant.name, 'bold')}"]


def exported(done: Any, screen: Screen) -> list[str]:
    return [f"exported {screen.paint(done.tenant, 'bold')} (backup {done.backup}, {size(done.size_bytes)}) into {done.file}"]


def created(tenant: Any, screen: Screen) -> list[str]:
    """The end of ``tenant create``: a small panel on a terminal, plain facts for a program."""
    pairs = [("URL", tenant.url)]
    if tenant.hostname:
        pairs.append(("hostname", tenant.hostname))
    pairs += [("edition", f"{tenant.edition} {tenant.release}, {tenant.profile}"), ("ports", ports_policy(tenant))]
    narrow = Screen(screen.stream, screen.is_terminal, (screen.width or 80) - 4, screen.colour)
    plain = Screen(screen.stream, screen.is_terminal, narrow.width, False)
    if not screen.is_terminal:
        return [headline(tenant, screen), *facts(pairs, screen, "  ")]
    return panel(f"{tenant.name} is {tenant.status}", facts(pairs, narrow), facts(pairs, plain), screen, state(tenant.status).style)


def ports_policy(tenant: Any) -> str:
    """Documented numbers, or which block, and how many."""
    numbers = sorted(port.host_port for port in tenant.ports if port.layer != "edge")
    if not numbers:
        return "none yet"
    if all(port.canonical for port in tenant.ports if port.layer != "edge"):
        return f"{plural(len(numbers), 'port')} on localhost, at the documented numbers"
    return f"{plural(len(numbers), 'port')} on localhost, {numbers[0]}-{numbers[-1]}"


def results(rows: Sequence[Mapping[str, Any]], screen: Screen) -> list[str]:
    """What became of the lines of a batch."""
    columns = (Column("line", right=True), Column("name", least=12), Column("result"), Column("what", drop=1, least=20, wrap=True))
    return laid_out(columns, [(str(r["line"]), r["name"] or "?", state(r["status"]), _what(r)) for r in rows], screen)


def _what(row: Mapping[str, Any]) -> str:
    if row["error"]:
        return row["error"]["message"]
    return row["tenant"]["url"] if row.get("tenant") else ""


def _facts(tenant: Any) -> list[tuple[str, str]]:
    health = f"{tenant.health}, checked {ago(tenant.checked_at)}" if tenant.checked_at else tenant.health
    pairs = [
        ("edition", f"{tenant.edition} {tenant.release}"),
        ("profile", tenant.profile),
        ("host", tenant.host),
        ("health", health),
        ("url", tenant.url),
        ("hostname", tenant.hostname or ""),
        ("generations", f"data {tenant.data_generation}, app {tenant.app_generation}"),
        ("images", tenant.images),
        ("subnets", ", ".join(f"{subnet.layer} {subnet.cidr}" for subnet in tenant.subnets)),
        ("settings", "  ".join(f"{key}={value}" for key, value in tenant.settings.items())),
        ("last backup", ago(tenant.last_backup)),
        ("last proof", ago(tenant.last_proof)),
        ("created", moment(tenant.created_at)),
        ("updated", moment(tenant.updated_at)),
    ]
    return [(label, value) for label, value in pairs if value]
