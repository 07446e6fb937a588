"""What a rehearsed switch came to, as text."""

from __future__ import annotations

from typing import Any

from looma_cli.cli.layout import facts, fold
from looma_cli.cli.terminal import Screen
from looma_cli.cli.words import size, span


def page(rehearsal: Any, screen: Screen) -> list[str]:
    head = screen.paint(f"{rehearsal.tenant}: {rehearsal.source} -> {rehearsal.target}, rehearsed", "bold")
    pairs = [
        ("writes wait", span(rehearsal.write_freeze_ms / 1000) if rehearsal.write_freeze_ms else "not at all"),
        ("migrate takes", span(rehearsal.migrate_ms / 1000) if rehearsal.migrate_ms is not None else "nothing migrates"),
        ("takes", span(rehearsal.duration_ms / 1000)),
        ("disk", size(rehearsal.disk_bytes) or "not known"),
        ("memory", size(rehearsal.memory_bytes) or "not known"),
        ("rows", f"{rehearsal.rows:,}"),
        ("from backup", rehearsal.backup),
        ("operation", rehearsal.operation),
    ]
    lines = [head, *facts(pairs, screen, "  ")]
    for warning in rehearsal.warnings:
        text = f"! {warning}"
        folded = [text] if screen.width is None else fold(text, screen.width - 2)
        lines += ["  " + screen.paint(line, "yellow") for line in folded]
    return [*lines, "", f"{rehearsal.tenant} was not touched; the shadow is gone."]
