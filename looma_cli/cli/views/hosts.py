"""Hosts as text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from looma_cli.cli.layout import Column, Painted, facts, fold
from looma_cli.cli.layout import table as laid_out
from looma_cli.cli.terminal import Screen
from looma_cli.cli.words import ago, number, plural, size, state

COLUMNS = (
    Column("host", least=8),
    Column("status"),
    Column("tenants", right=True, drop=1),
    Column("memory", drop=3),
    Column("disk", drop=4),
    Column("address", drop=2, least=9),
    Column("labels", drop=6, least=8),
    Column("engine", drop=7),
    Column("checked", drop=5),
)
CHECKS = (Column("check"), Column("status"), Column("detail", least=20, wrap=True))
_STYLES = {"warning": "yellow", "failed": "red"}


def table(hosts: Sequence[Any], screen: Screen) -> list[str]:
    return laid_out(COLUMNS, [row(host) for host in hosts], screen)


def row(host: Any) -> tuple[str, ...]:
    return (
        host.name, standing(host), str(host.tenants), used(host, "memory_bytes"), used(host, "disk_bytes"), host.address,
        labels(host), engine(host), ago(host.checked_at),
    )  # fmt: skip


def standing(host: Any) -> Painted:
    """A cordon is told of an unreachable host as well."""
    shown = state(host.standing)
    return Painted(f"{shown}, cordoned", shown.style, head=True) if host.cordoned and host.standing != "cordoned" else shown


def engine(host: Any) -> str:
    return f"Docker {host.engine['version']}" if host.engine.get("version") else ""


def labels(host: Any) -> str:
    return ", ".join(f"{key}={value}" for key, value in sorted(host.labels.items()))


def used(host: Any, what: str) -> str:
    """``3.5 of 31 GiB`` as it was measured last, or the size alone."""
    whole = getattr(host.size, what, 0)
    part = getattr(host.used, what, 0) if host.used else 0
    if not whole:
        return ""
    return f"{part / (1 << 30):.3g} of {whole / (1 << 30):.4g} GiB" if part else size(whole)


def page(page: Any, screen: Screen) -> list[str]:
    """One host with its tenants and what it can still take."""
    return [headline(page.host, screen), *facts(_facts(page), screen, "  "), *_forecast(page, screen)]


def headline(host: Any, screen: Screen) -> str:
    shown = standing(host)
    return f"{screen.paint(host.name, 'bold')}  {screen.paint(shown[:1], shown.style)} {shown[2:]}"


def _facts(page: Any) -> list[tuple[str, str]]:
    host, held = page.host, page.reserved
    pairs = [
        ("url", host.url),
        ("address", host.address),
        ("key", host.fingerprint or ("" if host.name == "local" else "none pinned yet: looma host check pins it")),
        ("labels", labels(host)),
        ("engine", engine(host)),
        ("compose", host.engine.get("compose", "")),
        ("cpus", number(host.size.cpus) if host.size and host.size.cpus else ""),
        ("memory", _size(host, "memory_bytes")),
        ("disk", _size(host, "disk_bytes")),
        ("reserved", f"{size(held.memory_bytes)} of memory, {size(held.disk_bytes)} of disk" if held.memory_bytes else ""),
        ("tenants", f"{host.tenants}: {', '.join(page.tenants)}" if page.tenants else "none"),
        ("checked", ago(host.checked_at)),
    ]
    return [(label, value) for label, value in pairs if value]


def _size(host: Any, what: str) -> str:
    text = used(host, what)
    return f"{text}, declared" if text and getattr(host.declared, what, 0) else text


def _forecast(page: Any, screen: Screen) -> list[str]:
    ahead = page.forecast
    if ahead is None:
        return []
    what = f"{ahead.edition} {ahead.profile} ({size(ahead.each.memory_bytes)} of memory, {size(ahead.each.disk_bytes)} of disk each)"
    lines = ["", screen.paint(f"Forecast for {what}", "bold") if screen.width is None else "", *_ceilings(ahead, screen)]
    if screen.width is not None:
        lines[1:2] = [screen.paint(line, "bold") for line in fold(f"Forecast for {what}", screen.width)]
    return lines


def _ceilings(ahead: Any, screen: Screen) -> list[str]:
    text = ceiling_text(ahead)
    return [f"  {line}" for line in ([text] if screen.width is None else fold(text, screen.width - 2))]


def ceiling_text(ahead: Any) -> str:
    """``full at tenant 37: memory; next limit 61: address pool``."""
    first, *others = [(ceiling.tenants, ceiling.what) for ceiling in ahead.ceilings]
    following = next(((count, what) for count, what in others if count > first[0]), None)
    text = f"full at tenant {first[0]}: {first[1]}"
    text += f"; next limit {following[0]}: {following[1]}" if following else ""
    return f"{text}; {' and '.join(ahead.unknown)} not known: looma host check" if ahead.unknown else text


def added(report: Any, screen: Screen) -> list[str]:
    host = report.host
    head = f"added {screen.paint(host.name, 'bold')} ({host.url})"
    if not report.checks:
        pairs = [("address", host.address), ("memory", _size(host, "memory_bytes")), ("disk", _size(host, "disk_bytes"))]
        return [head, *facts([(label, value) for label, value in pairs if value], screen, "  ")]
    return [head, "", *findings(report, screen)]


def checked(reports: Sequence[Any], screen: Screen) -> list[str]:
    lines: list[str] = []
    for report in reports:
        lines += [headline(report.host, screen), *findings(report, screen), ""]
    bad = sum(report.failed for report in reports)
    return [*lines, f"{plural(len(reports), 'host')}, {bad} with something wrong" if bad else f"{plural(len(reports), 'host')}, all ok"]


def findings(report: Any, screen: Screen) -> list[str]:
    """Each finding, and how to mend what is wrong."""
    lines = laid_out(CHECKS, [(check.name, state(check.status), check.detail) for check in report.checks], screen)
    mend = [(check.name, check.hint) for check in report.checks if check.status != "ok" and check.hint]
    return [*lines, *(["", screen.paint("To mend", "bold"), *facts(mend, screen, "  ")] if mend else [])]


def changed(host: Any, screen: Screen) -> list[str]:
    return [headline(host, screen)]


def removed(host: Any, screen: Screen) -> list[str]:
    return [f"removed {screen.paint(host.name, 'bold')}"]
