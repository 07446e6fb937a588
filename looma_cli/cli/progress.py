"""What a person sees while something is being done: always on standard error, nothing on standard output.

On a terminal one live line for the step under way and a line for each that ended; elsewhere plain lines; with
``LOOMA_LOG_FORMAT=json`` one JSON object per event.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from looma_cli.cli.documents import time as rfc3339
from looma_cli.cli.failures import one_line
from looma_cli.cli.layout import cut
from looma_cli.cli.terminal import Screen, Terminal
from looma_cli.cli.words import span
from looma_cli.model.reporting import Reporter

if TYPE_CHECKING:
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    from looma_cli.model.operation import Operation, PlannedStep

MARKS = {"done": ("✓", "green"), "undone": ("↶", "yellow"), "failed": ("✗", "red")}
FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
FRAMES_PER_SECOND = 8
COMPONENT_LINES = 8


class ClosingReporter(Reporter, Protocol):
    """``running``: an operation is under way. ``close`` takes everything that moves off the screen."""

    running: bool

    def close(self) -> None: ...


def reporter_for(terminal: Terminal, log_format: str, environment: Mapping[str, str]) -> ClosingReporter:
    screen = terminal.err
    if log_format == "json":
        return JsonReporter(screen)
    if screen.is_terminal and environment.get("TERM") != "dumb":
        return LiveReporter(screen)
    return PlainReporter(screen)


class PlainReporter:
    """One line when a step begins and one when it ends, without colour or spinner."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._titles: dict[int, str] = {}
        self.running = False

    def operation_started(self, operation: Operation) -> None:
        self.running = True
        self._say(headline(operation))

    def step_started(self, index: int, step: PlannedStep, title: str, undoing: bool) -> None:
        self._titles[index] = f"Undo: {title}" if undoing else title
        self._say(f"{self._titles[index]} ...")

    def step_progress(self, index: int, text: str) -> None:
        pass

    def step_finished(self, index: int, status: str, duration_ms: int | None, detail: str) -> None:
        took = "" if duration_ms is None else f" ({span(duration_ms / 1000)})"
        more = f", {one_line(detail)}" if detail else ""
        word = "done" if status == "undone" else status
        self._say(f"{self._titles.get(index, f'Step {index + 1}')}: {word}{took}{more}")

    def operation_finished(self, operation: Operation) -> None:
        self.running = False
        self._say(ending(operation))

    def note(self, text: str) -> None:
        self._say(one_line(text))

    def warn(self, text: str) -> None:
        self._say(f"warning: {one_line(text)}")

    def close(self) -> None:
        self.running = False

    def _say(self, text: str) -> None:
        self._screen.line(text)
        self._screen.stream.flush()


class JsonReporter(PlainReporter):
    """One JSON object per event: ``{"time", "event", ...}``."""

    def __init__(self, screen: Screen) -> None:
        super().__init__(screen)
        self._operation = ""

    def operation_started(self, operation: Operation) -> None:
        self.running = True
        self._operation = operation.id
        self._event("operation_started", kind=operation.kind, tenant=operation.tenant, direction=operation.direction)

    def step_started(self, index: int, step: PlannedStep, title: str, undoing: bool) -> None:
        self._event("step_started", index=index, step=step.name, title=title, undoing=undoing)

    def step_progress(self, index: int, text: str) -> None:
        self._event("step_progress", index=index, text=text)

    def step_finished(self, index: int, status: str, duration_ms: int | None, detail: str) -> None:
        self._event("step_finished", index=index, status=status, duration_ms=duration_ms, detail=detail)

    def operation_finished(self, operation: Operation) -> None:
        self.running = False
        self._event("operation_finished", status=operation.status)
        self._operation = ""

    def note(self, text: str) -> None:
        self._event("note", text=text)

    def warn(self, text: str) -> None:
        self._event("warning", text=text)

    def _event(self, event: str, **facts: Any) -> None:
        head: dict[str, Any] = {"time": rfc3339(datetime.now(UTC)), "event": event}
        if self._operation:
            head["operation"] = self._operation
        self._say(json.dumps({**head, **facts}))


class LiveReporter:
    """A spinner, the elapsed time and the latest word of each component for the step under way; a tick and its duration when done."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._live: Live | None = None
        self._title = ""
        self._began = self._operation_began = 0.0
        self._undoing = False
        self._texts: dict[str, str] = {}
        self.running = False

    def operation_started(self, operation: Operation) -> None:
        self.running = True
        self._undoing = operation.direction == "back"
        self._operation_began = time.monotonic()
        self._print(headline(operation), "bold")

    def step_started(self, index: int, step: PlannedStep, title: str, undoing: bool) -> None:
        if undoing and not self._undoing:
            self._undoing = True
            self._print("Putting back what was done", "bold")
        self._title, self._began = title, time.monotonic()
        self._texts = {}
        self._show()

    def step_progress(self, index: int, text: str) -> None:
        name, colon, rest = one_line(text).partition(": ")
        if colon and name and " " not in name:
            self._texts = {**self._texts, name: rest}
        else:
            self._texts = {**self._texts, "": one_line(text)}

    def step_finished(self, index: int, status: str, duration_ms: int | None, detail: str) -> None:
        mark, style = MARKS.get(status, ("·", "dim"))
        took = span((time.monotonic() - self._began) if duration_ms is None else duration_ms / 1000)
        self._hide()
        self._print_step(mark, style, took, one_line(detail), failed=status == "failed")

    def operation_finished(self, operation: Operation) -> None:
        self.running = False
        self._hide()
        took = span(time.monotonic() - self._operation_began)
        self._print(f"  done in {took}" if operation.status == "done" else ending(operation), "dim")

    def note(self, text: str) -> None:
        self._print(f"  · {one_line(text)}", "dim")

    def warn(self, text: str) -> None:
        self._print(f"  ! {one_line(text)}", "yellow")

    def close(self) -> None:
        self.running = False
        self._hide()

    # drawing
    def _frame(self) -> Text:
        """The lines that move."""
        from rich.text import Text

        elapsed = time.monotonic() - self._began
        frame = (
            FRAMES[int(elapsed * FRAMES_PER_SECOND) % len(FRAMES)]
            if self._screen.unicode
            else "|/-\\"[int(elapsed * FRAMES_PER_SECOND) % 4]
        )
        said = self._texts.get("", "")
        head = self._columns(self._title, span(elapsed) if elapsed >= 1 else "")
        lines = [Text.assemble("  ", (frame, "yellow" if self._undoing else "cyan"), " ", head, "  " if said else "", (said, "dim"))]
        components = [(name, text) for name, text in self._texts.items() if name]
        lines += [Text.assemble("      ", name, "  ", (text, "dim")) for name, text in components[-COMPONENT_LINES:]]
        for line in lines:
            line.truncate(self._width, overflow="ellipsis")
        return Text("\n").join(lines)

    def _columns(self, title: str, took: str) -> str:
        room = max(min(44, self._width - 14), 10)
        return f"{title:<{room}} {took:>6}".rstrip() if took else title

    def _print_step(self, mark: str, style: str, took: str, detail: str, *, failed: bool) -> None:
        head = f"  {self._screen.paint(mark, style)} {self._columns(self._title, took)}"
        bare = len(f"  {mark} {self._columns(self._title, took)}")
        if detail and failed:
            self._write(head)
            self._write("    " + self._screen.paint(cut(detail, self._width - 4), "red"))
            return
        room = self._width - bare - 2
        self._write(head + ("  " + self._screen.paint(cut(detail, room), "dim") if detail and room > 8 else ""))

    def _print(self, text: str, style: str) -> None:
        self._write(self._screen.paint(text, style))

    def _write(self, text: str) -> None:
        """A line that stays, above the live ones."""
        from rich.text import Text

        if self._live is None:
            self._screen.line(text)
            self._screen.stream.flush()
        else:
            self._live.console.print(Text.from_ansi(self._screen.drawable(text)), soft_wrap=True)

    def _show(self) -> None:
        if self._live is not None:
            return
        from rich.live import Live

        self._live = Live(
            console=self._console(), get_renderable=self._frame, refresh_per_second=FRAMES_PER_SECOND, transient=True,
            redirect_stdout=False, redirect_stderr=False,
        )  # fmt: skip
        self._live.start()

    def _hide(self) -> None:
        if self._live is not None:
            live, self._live = self._live, None
            live.stop()

    def _console(self) -> Console:
        from rich.console import Console

        return Console(
            file=self._screen.stream,
            force_terminal=True,
            width=self._width,
            no_color=not self._screen.colour,
            highlight=False,
            markup=False,
        )

    @property
    def _width(self) -> int:
        return self._screen.width or 80


def headline(operation: Operation) -> str:
    verb = operation.kind.split(".")[-1].replace("_", " ").capitalize()
    undoing = "Roll back: " if operation.direction == "back" else ""
    return f"{undoing}{verb} {operation.tenant}  ({operation.id})"


def ending(operation: Operation) -> str:
    words = {"done": "done", "failed": "failed; everything was put back", "rolled_back": "rolled back; everything was put back"}
    return f"{operation.id} {words.get(operation.status, operation.status)}"
