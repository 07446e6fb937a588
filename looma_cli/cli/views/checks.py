"""``looma doctor`` as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from looma_cli.cli.layout import Column, facts
from looma_cli.cli.layout import table as laid_out
from looma_cli.cli.terminal import Screen
from looma_cli.cli.words import plural, state


def table(checks: Sequence[Any], screen: Screen) -> list[str]:
    """Each check, under it how to mend it, and one line of summary."""
    lines = laid_out((Column("check"), Column("status"), Column("detail", least=20, wrap=True)), [_check(c) for c in checks], screen)
    bad = [check for check in checks if check.status != "ok"]
    if not bad:
        return [*lines, "", f"{plural(len(checks), 'check')}, all ok"]
    mend = facts([(check.name, check.hint) for check in bad if check.hint], screen, "  ")
    return [*lines, "", screen.paint("To mend", "bold"), *mend]


def _check(check: Any) -> tuple[str, ...]:
    return check.name, state(check.status), check.detail


def settings(rows: Sequence[Mapping[str, Any]], screen: Screen) -> list[str]:
    columns = (Column("setting"), Column("value", least=16, wrap=True), Column("source", drop=1))
    return laid_out(columns, [(row["name"], _value(row["value"]), row["source"]) for row in rows], screen)


def _value(value: Any) -> str:
    return "-" if value is None else str(value)
