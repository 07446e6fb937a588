"""A plan as text: what would be done, and nothing done."""

from __future__ import annotations

from typing import Any

from looma_cli.cli.layout import Column, Painted, fold, table
from looma_cli.cli.terminal import Screen
from looma_cli.cli.views.steps import title
from looma_cli.cli.words import plural

_CHANGES = {"+": "green", "-": "red", "~": "yellow", "!": "yellow"}


def page(plan: Any, screen: Screen) -> list[str]:
    target = f" {plan.tenant}" if plan.tenant else ""
    lines = [screen.paint(f"Plan: {plan.kind.replace('.', ' ')}{target}", "bold")]
    if plan.steps:
        rows = [(str(number), title(step), Painted(step.reason, "dim")) for number, step in enumerate(plan.steps, 1)]
        lines += table((Column("#", right=True), Column("step", least=20), Column("why", drop=1, least=20, wrap=True)), rows, screen)
    if plan.changes:
        lines += ["", *(line for change in plan.changes for line in _change(change, screen))]
    if plan.warnings:
        lines += ["", *(line for warning in plan.warnings for line in _wrapped(f"! {warning}", screen))]
    return [*lines, "", f"{plural(len(plan.steps), 'step')}, {plural(len(plan.changes), 'change')}; nothing was changed."]


def _change(change: str, screen: Screen) -> list[str]:
    first, *rest = [change] if screen.width is None else fold(change, screen.width - 6)
    mark = screen.paint(first[:1], _CHANGES.get(first[:1], ""))
    return [f"  {mark}{first[1:]}", *(f"      {line}" for line in rest)]


def _wrapped(text: str, screen: Screen) -> list[str]:
    lines = [text] if screen.width is None else fold(text, screen.width - 2)
    return ["  " + screen.paint(line, "yellow") for line in lines]
