"""``looma state rebuild`` as text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from looma_cli.cli.layout import Column
from looma_cli.cli.layout import table as laid_out
from looma_cli.cli.terminal import Screen
from looma_cli.cli.views import tenants

COLUMNS = (Column("tenant", least=8), Column("detail", least=20, wrap=True))


def page(report: Any, screen: Screen) -> list[str]:
    lines = [f"Installation {report.installation}", ""]
    if report.rebuilt:
        lines += [screen.paint("Rebuilt", "bold"), *tenants.table(report.rebuilt, screen), ""]
    lines += _section("Skipped", report.skipped, screen)
    return lines + _section("To look after", report.problems, screen)


def _section(title: str, remarks: Sequence[Any], screen: Screen) -> list[str]:
    if not remarks:
        return []
    rows = [(remark.tenant or "(all)", remark.detail) for remark in remarks]
    return [screen.paint(title, "bold"), *laid_out(COLUMNS, rows, screen), ""]
