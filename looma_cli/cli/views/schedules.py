"""The schedule of backups as text, and what a run of it did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from looma_cli.cli.layout import Column, Painted, facts
from looma_cli.cli.layout import table as laid_out
from looma_cli.cli.terminal import Screen
from looma_cli.cli.words import moment, plural, state

COLUMNS = (Column("tenant", least=10), Column("result"), Column("what", drop=1, least=20, wrap=True))


def card(report: Any, screen: Screen) -> list[str]:
    if report.schedule is None:
        return ["No schedule is installed: backups are only taken by hand."]
    known = report.schedule
    pairs = [
        ("full", f"daily at {known.full_at}, the machine's time"),
        ("incremental", f"every {plural(known.every_hours, 'hour')}" if known.every_hours < 24 else ""),
        ("next", moment(report.next_run_at)),
        ("by", known.by),
        ("since", moment(known.installed_at)),
        ("files", ", ".join(report.files)),
        ("problem", Painted(report.problem, "red") if report.problem else ""),
    ]
    word = Painted("● does not run", "red", head=True) if report.problem else Painted("● installed", "green", head=True)
    head = f"{screen.paint('backup schedule', 'bold')}  {screen.paint(word[:1], word.style)} {word[2:]}"
    return [head, *facts([(label, value) for label, value in pairs if value], screen, "  ")]


def removed(report: Any, screen: Screen) -> list[str]:
    return ["removed the backup schedule"] if report.schedule else []


def planned(given: tuple[Any, str], screen: Screen) -> list[str]:
    """Each file with what would be in it."""
    report, sign = given
    lines = [screen.paint("Plan: backup schedule", "bold")]
    for path, text in report.files.items():
        lines += [f"  {screen.paint(sign, 'green' if sign == '+' else 'red')} {path}"]
        lines += [f"      {line}" for line in text.splitlines()] if sign == "+" else []
    return [*lines, "", f"{plural(len(report.files), 'file')}; nothing was changed."]


def results(rows: Sequence[Mapping[str, Any]], screen: Screen) -> list[str]:
    """What became of each tenant, and the sum of it."""
    if not rows:
        return []
    lines = laid_out(COLUMNS, [(row["tenant"], state(row["status"]), _what(row)) for row in rows], screen)
    counts = {status: sum(row["status"] == status for row in rows) for status in ("done", "not_due", "planned", "held", "failed")}
    return [*lines, "", ", ".join(f"{count} {status.replace('_', ' ')}" for status, count in counts.items() if count)]


def _what(row: Mapping[str, Any]) -> str:
    words = [f"{row['kind']} {row['backup']['id']}"] if row["backup"] else []
    words += [f"would take a{'n' if row['kind'] == 'incremental' else ''} {row['kind']} one"] if row.get("plan") else []
    words += ["copied"] if row["copied"] is not None else []
    words += [f"{plural(len(row['forgotten']), 'old one')} forgotten"] if row["forgotten"] else []
    errors = row.get("errors") or ([row["error"]] if row["error"] else [])
    return "; ".join([*words, *(error["message"] for error in errors)])
