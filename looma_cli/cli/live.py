"""Progress on a terminal: a live line for what is under way, a line that stays for what has ended. Calm, and honest about undoing."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from looma_cli.cli.failures import one_line
from looma_cli.cli.layout import cut
from looma_cli.cli.progress import ENDED, UNDER_WAY, ending, headline
from looma_cli.cli.terminal import Screen
from looma_cli.cli.words import span

if TYPE_CHECKING:
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    from looma_cli.model.operation import Operation, PlannedStep

MARKS = {"done": ("✓", "green"), "undone": ("↶", "yellow"), "failed": ("✗", "red"), "paused": ("◐", "yellow")}
FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
PLAIN_FRAMES = "|/-\\"
FRAMES_PER_SECOND = 8
COMPONENT_LINES = 8


class LiveReporter:
    """A spinner, the elapsed time and the latest word of each component for the step under way; a tick and its duration when done.

    What moves is drawn from a thread of Rich's, so attributes that it reads are replaced, never changed in place.
    """

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._live: Live | None = None
        self._title = ""
        self._began = self._operation_began = 0.0
        self._undoing = False
        self._texts: dict[str, str] = {}  # component -> its latest word; "" is the step's own
        self._doing: dict[str, str] = {}  # thing under way outside of an operation -> what is being done to it
        self._noting = threading.RLock()  # images are built, and noted, in parallel
        self.running = False

    # operations
    def operation_started(self, operation: Operation) -> None:
        self.running = True
        self._undoing = operation.direction == "back"
        self._operation_began = time.monotonic()
        self._keep(headline(operation), "bold")

    def step_started(self, index: int, step: PlannedStep, title: str, undoing: bool) -> None:
        if undoing and not self._undoing:
            self._undoing = True
            self._keep("Putting back what was done", "bold")
        self._title, self._began, self._texts = title, time.monotonic(), {}
        self._show()

    def step_progress(self, index: int, text: str) -> None:
        text = one_line(text)
        name, colon, rest = text.partition(": ")
        component = bool(colon and name and " " not in name)
        self._texts = {**self._texts, name: rest} if component else {**self._texts, "": text}

    def step_finished(self, index: int, status: str, duration_ms: int | None, detail: str) -> None:
        took = time.monotonic() - self._began if duration_ms is None else duration_ms / 1000
        self._hide()
        for line in self._step_line(status, span(took), one_line(detail)):
            self._keep(line)
        self._title = ""

    def operation_finished(self, operation: Operation) -> None:
        self.running = False
        self._hide()
        done = operation.status == "done"
        self._keep(f"  done in {span(time.monotonic() - self._operation_began)}" if done else ending(operation), "dim")

    # anything else
    def note(self, text: str) -> None:
        with self._noting:
            self._note(one_line(text))

    def _note(self, text: str) -> None:
        if under_way := UNDER_WAY.fullmatch(text):
            self._doing = {**self._doing, under_way[1]: f"{under_way[2]} {under_way[3]}"}
            self._show()
        elif (ended := ENDED.fullmatch(text)) and ended[1] in self._doing:
            self._end(ended[1], f"{ended[2]} {ended[3]}".rstrip())
        else:
            self._keep(f"  · {text}", "dim")

    def warn(self, text: str) -> None:
        self._keep(f"  ! {one_line(text)}", "yellow")

    def close(self) -> None:
        self.running = False
        self._hide()

    def _end(self, name: str, text: str) -> None:
        self._doing = {other: doing for other, doing in self._doing.items() if other != name}
        mark, style = MARKS.get(text.partition(" ")[0], MARKS["done"])
        self._keep(f"  {self._screen.paint(mark, style)} {name}  {self._screen.paint(cut(text, self._width - len(name) - 6), 'dim')}")
        if not self._doing and not self._title:
            self._hide()

    # lines that stay
    def _step_line(self, status: str, took: str, detail: str) -> list[str]:
        """The step with its mark and duration, and the detail behind it where there is room; a failure's detail below it, in full."""
        mark, style = MARKS.get(status, ("·", "dim"))
        columns = self._columns(took)
        line = f"  {self._screen.paint(mark, style)} {columns}"
        if status == "failed":
            return [line, f"    {self._screen.paint(cut(detail, self._width - 4), 'red')}"] if detail else [line]
        room = self._width - len(columns) - 6
        return [f"{line}  {self._screen.paint(cut(detail, room), 'dim')}" if detail and room > 8 else line]

    def _columns(self, took: str) -> str:
        room = max(min(44, self._width - 14), 10)
        return f"{self._title:<{room}} {took:>6}" if took else self._title

    def _keep(self, text: str, style: str = "") -> None:
        text = self._screen.paint(text, style)
        if self._live is None:
            self._screen.line(text)
            self._screen.stream.flush()
            return
        from rich.text import Text

        self._live.console.print(Text.from_ansi(self._screen.drawable(text)), soft_wrap=True)

    # lines that move
    def _frame(self) -> Text:
        from rich.text import Text

        elapsed = time.monotonic() - self._began
        frames = FRAMES if self._screen.unicode else PLAIN_FRAMES
        frame = (frames[int(time.monotonic() * FRAMES_PER_SECOND) % len(frames)], "yellow" if self._undoing else "cyan")
        lines = []
        if self._title:
            said = self._texts.get("", "")
            head = self._columns(span(elapsed) if elapsed >= 1 else "")
            lines = [Text.assemble("  ", frame, " ", head, "  " if said else "", (said, "dim"))]
            components = [(name, text) for name, text in self._texts.items() if name]
            lines += [Text.assemble("      ", name, "  ", (text, "dim")) for name, text in components[-COMPONENT_LINES:]]
        lines += [Text.assemble("  ", frame, " ", name, "  ", (text, "dim")) for name, text in self._doing.items()]
        for line in lines:
            line.truncate(self._width, overflow="ellipsis")
        return Text("\n").join(lines)

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

        colours = "standard" if self._screen.colour else None
        return Console(
            file=self._screen.stream, force_terminal=True, width=self._width, color_system=colours, highlight=False, markup=False
        )

    @property
    def _width(self) -> int:
        return self._screen.width or 80
