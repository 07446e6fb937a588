"""Something shown again and again in place until Ctrl-C: ``status --watch``."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from looma_cli.cli.present import document_of, lines_of, say_document
from looma_cli.cli.session import Session
from looma_cli.cli.words import moment
from looma_cli.errors import Cancelled


def watch(session: Session, look: Callable[[], Any], seconds: float) -> None:
    """Show what ``look`` returns every ``seconds`` until Ctrl-C, which ends it cleanly. In place on a terminal, one after the other
    elsewhere (with JSON one document per line)."""
    screen = session.terminal.out
    try:
        if screen.is_terminal and session.output == "table":
            _in_place(session, look, seconds)
        while True:
            _once(session, look())
            time.sleep(seconds)
    except KeyboardInterrupt:
        session.exit_code = Cancelled.exit_code


def _once(session: Session, result: Any) -> None:
    screen = session.terminal.out
    if session.output != "table":
        say_document(document_of(result), session.output, screen)
    else:
        for line in [*lines_of(result, screen), ""]:
            screen.line(line)
    screen.stream.flush()


def _in_place(session: Session, look: Callable[[], Any], seconds: float) -> None:
    from datetime import UTC, datetime

    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    screen = session.terminal.out
    colours = "standard" if screen.colour else None
    console = Console(file=screen.stream, force_terminal=True, color_system=colours, highlight=False, markup=False)
    with Live(console=console, screen=True, auto_refresh=False) as live:
        while True:
            screen = session.terminal.out  # the window may have been resized
            foot = screen.paint(f"{moment(datetime.now(UTC))}, every {seconds:g}s, Ctrl-C ends", "dim")
            lines = fitted(lines_of(look(), screen), console.size.height - 2, screen)
            live.update(Text.from_ansi("\n".join([*lines, "", foot])), refresh=True)
            time.sleep(seconds)


def fitted(lines: list[str], height: int, screen: Any) -> list[str]:
    """As many lines as the window has, and how many are left out."""
    if len(lines) <= height:
        return lines
    return [*lines[: max(height - 1, 1)], screen.paint(f"… {len(lines) - height + 1} more lines", "dim")]
