"""What a person sees while something is being done: always on standard error, nothing on standard output.

On a terminal one live line for the step under way and a line for each that ended; elsewhere plain lines; with
``LOOMA_LOG_FORMAT=json`` one JSON object per event.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from looma_cli.cli.documents import time as rfc3339
from looma_cli.cli.failures import one_line
from looma_cli.cli.terminal import Screen, Terminal
from looma_cli.cli.words import span
from looma_cli.model.operation import about
from looma_cli.model.reporting import Reporter

if TYPE_CHECKING:
    from looma_cli.model.operation import Operation, PlannedStep

# Notes on things that are not steps (`Reporter.note`): still under way, or ended.
UNDER_WAY = re.compile(r"([a-z0-9][a-z0-9-]*): ([a-z]+ing)\b ?(.*)")
ENDED = re.compile(r"([a-z0-9][a-z0-9-]*): ([a-z]+)\b ?(.*)")


class ClosingReporter(Reporter, Protocol):
    """``running``: an operation is under way. ``close`` takes everything that moves off the screen."""

    running: bool

    def close(self) -> None: ...


def reporter_for(terminal: Terminal, log_format: str, environment: Mapping[str, str]) -> ClosingReporter:
    screen = terminal.err
    if log_format == "json":
        return JsonReporter(screen)
    if screen.is_terminal and environment.get("TERM") != "dumb":
        from looma_cli.cli.live import LiveReporter

        return LiveReporter(screen)
    return PlainReporter(screen)


class PlainReporter:
    """One line when a step begins and one when it ends, without colour or spinner."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._titles: dict[int, str] = {}
        self._doing: dict[str, str] = {}
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
        text = one_line(text)
        under_way = UNDER_WAY.fullmatch(text)
        if not under_way:
            self._say(text)
        elif self._doing.get(under_way[1]) != under_way[2]:
            self._doing[under_way[1]] = under_way[2]
            self._say(f"{under_way[1]}: {under_way[2]} ...")

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
        self._event("operation_started", kind=operation.kind, tenant=about(operation), direction=operation.direction)

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


class BatchReporter:
    """For many operations, here or in other processes: each tenant is one thing under way, its steps are only named.

    The batch as a whole is what is ``running``: it looks itself for a Ctrl-C between two tenants."""

    def __init__(self, reporter: ClosingReporter, *, running: bool = True, doing: str = "creating") -> None:
        self._reporter = reporter
        self._doing = doing
        self._tenant = ""
        self.running = running

    def operation_started(self, operation: Operation) -> None:
        self._tenant = about(operation)

    def step_started(self, index: int, step: PlannedStep, title: str, undoing: bool) -> None:
        self._reporter.note(f"{self._tenant}: {'undoing' if undoing else self._doing} {title}")

    def step_progress(self, index: int, text: str) -> None:
        pass

    def step_finished(self, index: int, status: str, duration_ms: int | None, detail: str) -> None:
        pass

    def operation_finished(self, operation: Operation) -> None:
        pass

    def note(self, text: str) -> None:
        self._reporter.note(text)

    def warn(self, text: str) -> None:
        self._reporter.warn(text)

    def close(self) -> None:
        self.running = False
        self._reporter.close()


def headline(operation: Operation) -> str:
    verb = operation.kind.split(".")[-1].replace("_", " ").capitalize()
    undoing = "Roll back: " if operation.direction == "back" else ""
    return f"{undoing}{verb} {about(operation)}  ({operation.id})"


def ending(operation: Operation) -> str:
    from looma_cli.model.operation import put_back

    words = {"failed": "failed; ", "rolled_back": "rolled back; "}
    outcome = words[operation.status] + put_back(operation) if operation.status in words else operation.status
    return f"{operation.id} {outcome}"
