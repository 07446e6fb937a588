"""``looma state audit`` as text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from looma_cli.cli.layout import Column
from looma_cli.cli.layout import table as laid_out
from looma_cli.cli.terminal import Screen

COLUMNS = (
    Column("kind"),
    Column("name", least=16),
    Column("tenant", least=8),
    Column("host", drop=2),
    Column("detail", drop=1, least=12, wrap=True),
)


def page(report: Any, screen: Screen) -> list[str]:
    if report.ok:
        return ["The state and the engine agree."]
    lines: list[str] = []
    lines += _section("In the state, but not there", report.missing, screen)
    return lines + _section("There, but not in the state", report.unknown, screen)


def _section(title: str, findings: Sequence[Any], screen: Screen) -> list[str]:
    if not findings:
        return []
    rows = [(f.kind, f.name, f.tenant, f.host, f.detail) for f in findings]
    return [screen.paint(title, "bold"), *laid_out(COLUMNS, rows, screen), ""]
