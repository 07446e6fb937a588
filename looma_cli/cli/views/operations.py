"""Operations as text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from looma_cli.cli.layout import Column, facts
from looma_cli.cli.layout import table as laid_out
from looma_cli.cli.terminal import Screen
from looma_cli.cli.views.steps import title
from looma_cli.cli.words import ago, moment, span, state
from looma_cli.model.operation import about

COLUMNS = (
    Column("id"),
    Column("kind", drop=2),
    Column("tenant", least=10),
    Column("status"),
    Column("steps", drop=3, right=True),
    Column("started", drop=1),
)


def table(operations: Sequence[Any], screen: Screen) -> list[str]:
    return laid_out(COLUMNS, [_cells(operation) for operation in operations], screen)


def _cells(operation: Any) -> tuple[str, ...]:
    done = sum(step.status == "done" for step in operation.steps)
    steps = f"{done}/{len(operation.steps)}"
    return operation.id, operation.kind, about(operation), state(operation.status), steps, ago(operation.started_at)


def page(operation: Any, screen: Screen) -> list[str]:
    status = state(operation.status)
    head = f"{screen.paint(operation.id, 'bold')}  {screen.paint(status[:1], status.style)} {status[2:]}"
    pairs = [
        ("kind", operation.kind),
        ("tenant", about(operation)),
        ("stack", operation.tenant if operation.tenant != about(operation) else ""),
        ("host", operation.host),
        ("started", moment(operation.started_at)),
        ("finished", moment(operation.finished_at)),
        ("direction", operation.direction),
        ("error", operation.error or ""),
    ]
    rows = [
        (str(number), title(planned), state(step.status), _duration(step), step.detail)
        for number, (planned, step) in enumerate(zip(operation.plan.steps, operation.steps, strict=True), 1)
    ]
    columns = (
        Column("#", right=True), Column("step", least=16), Column("status"), Column("took", drop=2, right=True),
        Column("detail", drop=1, least=20, wrap=True),
    )  # fmt: skip
    return [head, *facts([(label, value) for label, value in pairs if value], screen, "  "), "", *laid_out(columns, rows, screen)]


def _duration(step: Any) -> str:
    return "" if step.duration_ms is None else span(step.duration_ms / 1000)
