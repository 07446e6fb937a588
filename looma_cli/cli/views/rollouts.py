"""A release that is brought to a fleet, and who runs which, as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from looma_cli.cli.layout import Column, Painted
from looma_cli.cli.layout import table as laid_out
from looma_cli.cli.terminal import Screen
from looma_cli.cli.words import ago, plural, span, state
from looma_cli.plan.fleet import target_release

RESULTS = (
    Column("wave", right=True),
    Column("tenant", least=10),
    Column("result"),
    Column("from", drop=3),
    Column("took", drop=4, right=True),
    Column("operation", drop=2),
    Column("why", drop=1, least=24, wrap=True),
)
RELEASES = (
    Column("edition", least=6),
    Column("release"),
    Column("tenants", right=True),
    Column("serving", drop=1, right=True),
    Column("is", drop=2),
)
UNFINISHED = (
    Column("tenant", least=10), Column("to"), Column("status"), Column("operation", drop=2), Column("started", drop=3),
    Column("why", drop=1, least=24, wrap=True),
)  # fmt: skip


def results(shape: Mapping[str, Any], screen: Screen) -> list[str]:
    """What became of each tenant, by wave, and the sum of it."""
    rows = [_cells("-", row) for row in shape["already"]]
    rows += [_cells(str(wave["wave"]), row) for wave in shape["waves"] for row in wave["tenants"]]
    rows += [_cells("", row) for row in shape["left_out"]]
    counts = {word: count for word, count in shape["summary"].items() if word != "tenants" and count}
    words = ", ".join(f"{count} {word.replace('_', ' ')}" for word, count in counts.items())
    lines = [*laid_out(RESULTS, rows, screen), ""] if rows else []
    stopped = [screen.paint(f"Stopped: {shape['stopped']}.", "yellow")] if shape["stopped"] else []
    return [*lines, *stopped, f"{shape['edition']} {shape['release']}: {words or 'no tenants'}"]


def _cells(wave: str, row: Mapping[str, Any]) -> tuple[str, ...]:
    took = span(row["duration_ms"] / 1000) if row.get("duration_ms") is not None else ""
    why = row["error"]["message"] if row.get("error") else row.get("reason", "")
    red = row["status"] == "failed"
    return wave, row["name"], state(row["status"]), row["from"], took, row.get("operation") or "", Painted(why, "red") if red else why


def releases(fleets: Sequence[Any], screen: Screen) -> list[str]:
    """Who runs which release, what is not through, and what to type next."""
    rows = [_counted(fleet, row, number) for fleet in fleets for number, row in enumerate(fleet.releases)]
    lines = laid_out(RELEASES, rows, screen)
    if unfinished := [_unfinished(operation) for fleet in fleets for operation in fleet.unfinished]:
        lines += ["", screen.paint(f"{plural(len(unfinished), 'upgrade')} failed or not through", "bold")]
        lines += laid_out(UNFINISHED, unfinished, screen)
    following = [f"  {fleet.following}" for fleet in fleets if fleet.following]
    return [*lines, "", screen.paint("Next", "dim"), *following] if following else lines


def _counted(fleet: Any, row: Any, number: int) -> tuple[str, ...]:
    newest = row.release == fleet.newest
    note = Painted("newest", "green") if newest else f"newest is {fleet.newest}" if number == 0 and fleet.newest else ""
    return fleet.edition if number == 0 else "", row.release, str(row.tenants), str(row.serving), note


def _unfinished(operation: Any) -> tuple[str, ...]:
    to, why = target_release(operation) or "", operation.error or ""
    return operation.tenant, to, state(operation.status), operation.id, ago(operation.started_at), why
