"""``looma health`` as text."""

from __future__ import annotations

from typing import Any

from looma_cli.cli.layout import Column, Painted
from looma_cli.cli.layout import table as laid_out
from looma_cli.cli.terminal import Screen
from looma_cli.cli.words import plural, state

COLUMNS = (
    Column("component", least=12),
    Column("kind", drop=3),
    Column("state", drop=2),
    Column("health"),
    Column("latency", drop=1, right=True),
    Column("detail", drop=4, least=20, wrap=True),
)


def page(report: Any, screen: Screen) -> list[str]:
    lines: list[str] = []
    for tenant in report.tenants:
        lines += [*_tenant(tenant, screen), ""]
    bad = sum(not tenant.healthy for tenant in report.tenants)
    if not bad:
        return [*lines, f"{plural(len(report.tenants), 'tenant')}, all healthy"]
    return [*lines, screen.paint(f"{bad} of {plural(len(report.tenants), 'tenant')} unhealthy", "red")]


def _tenant(tenant: Any, screen: Screen) -> list[str]:
    word = state("healthy" if tenant.healthy else "unhealthy")
    head = f"{screen.paint(tenant.name, 'bold')}  {screen.paint(word[:1], word.style)} {word[2:]}"
    return [head, *laid_out(COLUMNS, [_component(c) for c in tenant.components], screen)]


def _component(component: Any) -> tuple[str, ...]:
    latency = "" if component.latency_ms is None else f"{component.latency_ms:.1f} ms"
    detail = component.detail if component.healthy else Painted(component.detail, "red")
    return component.component, component.kind, component.state, state("healthy" if component.healthy else "unhealthy"), latency, detail
