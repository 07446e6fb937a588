"""A host that was emptied, as text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from looma_cli.cli.layout import Column, Painted
from looma_cli.cli.layout import table as laid_out
from looma_cli.cli.terminal import Screen
from looma_cli.cli.words import span, state

COLUMNS = (
    Column("tenant", least=10),
    Column("result"),
    Column("to", drop=3),
    Column("took", drop=4, right=True),
    Column("operation", drop=2),
    Column("why", drop=1, least=24, wrap=True),
)


def results(shape: Mapping[str, Any], screen: Screen) -> list[str]:
    """What became of each tenant, and the sum of it."""
    rows = [_cells(row) for row in (*shape["tenants"], *shape["left_out"])]
    counts = {word: count for word, count in shape["summary"].items() if word != "tenants" and count}
    words = ", ".join(f"{count} {word.replace('_', ' ')}" for word, count in counts.items())
    lines = [*laid_out(COLUMNS, rows, screen), ""] if rows else []
    stopped = [screen.paint(f"Stopped: {shape['stopped']}.", "yellow")] if shape["stopped"] else []
    return [*lines, *stopped, f"{shape['host']}: {words or 'no tenants'}"]


def _cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    took = span(row["duration_ms"] / 1000) if row.get("duration_ms") is not None else ""
    why = row["error"]["message"] if row.get("error") else row.get("reason", "")
    red = row["status"] == "failed"
    to = row["to"] if row["status"] == "done" else ""
    return row["name"], state(row["status"]), to or "", took, row.get("operation") or "", Painted(why, "red") if red else why
