"""A plan as text: what would be done, and nothing done."""

from __future__ import annotations

from typing import Any

from looma_cli.cli.layout import cut, fold
from looma_cli.cli.terminal import Screen
from looma_cli.cli.words import plural

_CHANGES = {"+": "green", "-": "red", "~": "yellow", "!": "yellow"}


def page(plan: Any, screen: Screen) -> list[str]:
    target = f" {plan.tenant}" if plan.tenant else ""
    lines = [screen.paint(f"Plan: {plan.kind.replace('.', ' ')}{target}", "bold")]
    for number, step in enumerate(plan.steps, 1):
        reason = f"  {step.reason}" if step.reason else ""
        name = f"{number:3}. {step.name.replace('-', ' ')}"
        room = None if screen.width is None else screen.width - len(name)
        lines.append(name + screen.paint(reason if room is None else cut(reason, max(room, 0)), "dim"))
    if plan.changes:
        lines += ["", *(_change(change, screen) for change in plan.changes)]
    for warning in plan.warnings:
        lines += _wrapped(f"! {warning}", screen)
    lines += ["", f"{plural(len(plan.steps), 'step')}, {plural(len(plan.changes), 'change')}; nothing was changed."]
    return lines


def _change(change: str, screen: Screen) -> str:
    text = change if screen.width is None else cut(change, screen.width - 2)
    return "  " + screen.paint(text[:1], _CHANGES.get(text[:1], "")) + text[1:]


def _wrapped(text: str, screen: Screen) -> list[str]:
    lines = [text] if screen.width is None else fold(text, screen.width - 2)
    return ["  " + screen.paint(line, "yellow") for line in lines]
