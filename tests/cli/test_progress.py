"""What a person sees while an operation runs: on a terminal, elsewhere, and when it is undone."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from looma_cli.cli.progress import ClosingReporter, ending, reporter_for
from looma_cli.cli.terminal import Terminal
from looma_cli.model.operation import Operation, Plan, PlannedStep, StepRecord
from looma_cli.model.reporting import SilentReporter
from tests.cli.conftest import Stream

STEP = PlannedStep("start-layer", {}, "")
OPERATION = Operation(
    "op-1", "tenant.create", "acme", "local", "running", Plan("tenant.create", "acme", (STEP,), 0), (StepRecord("start-layer"),),
    datetime(2026, 1, 1, tzinfo=UTC),
)  # fmt: skip


def failing_run(reporter: ClosingReporter) -> None:
    reporter.operation_started(OPERATION)
    reporter.step_started(0, STEP, "Reserve ports", False)
    reporter.step_finished(0, "done", 40, "")
    reporter.step_started(1, STEP, "Start the data layer", False)
    reporter.step_progress(1, "mysql: starting")
    reporter.step_progress(1, "2 of 4 healthy")
    reporter.warn("memory\nis low")
    reporter.step_finished(1, "failed", None, "mysql ended")
    reporter.step_started(0, STEP, "Reserve ports", True)
    reporter.step_finished(0, "undone", 12_000, "")
    reporter.operation_finished(replace(OPERATION, status="failed"))
    reporter.close()


def said(terminal: bool, log_format: str = "text", encoding: str = "utf-8", **environment: str) -> str:
    error = Stream(terminal=terminal, encoding=encoding)
    streams = Terminal(Stream(), Stream(), error, {"COLUMNS": "70", **environment})
    failing_run(reporter_for(streams, log_format, streams.environment))
    assert streams.output.text == ""  # type: ignore[attr-defined]
    return error.text


def test_elsewhere_plain_lines() -> None:
    assert said(terminal=False).splitlines() == [
        "Create acme  (op-1)",
        "Reserve ports ...",
        "Reserve ports: done (0.0s)",
        "Start the data layer ...",
        "warning: memory is low",
        "Start the data layer: failed, mysql ended",
        "Undo: Reserve ports ...",
        "Undo: Reserve ports: done (12s)",
        "op-1 failed; everything was put back",
    ]


def test_a_dumb_terminal_gets_plain_lines_too() -> None:
    assert said(terminal=True, TERM="dumb").splitlines()[1] == "Reserve ports ..."


def test_on_a_terminal_a_line_stays_for_each_step_and_the_cursor_comes_back() -> None:
    text = said(terminal=True)
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")
    lines = [re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]|\r", "", line) for line in text.splitlines()]
    for wanted in (
        "Create acme  (op-1)",
        "  ✓ Reserve ports                                  0.0s",
        "  ! memory is low",
        "    mysql ended",
        "Putting back what was done",
        "  ↶ Reserve ports                                   12s",
        "op-1 failed; everything was put back",
    ):
        assert wanted in [line.rstrip() for line in lines], wanted
    assert any(line.lstrip().startswith("✗ Start the data layer") for line in lines)
    assert "2 of 4 healthy" in text or "Start the data layer" in text


def test_without_colours_nothing_is_painted() -> None:
    assert not re.search(r"\x1b\[[0-9;]*m", said(terminal=True, NO_COLOR="1"))
    assert re.search(r"\x1b\[32m✓", said(terminal=True))


def test_an_ascii_terminal_gets_ascii() -> None:
    text = said(terminal=True, encoding="ascii", NO_COLOR="1")
    assert text.isascii()
    assert "  + Reserve ports" in text


def test_json_events() -> None:
    events = [json.loads(line) for line in said(terminal=True, log_format="json").splitlines()]
    assert [event["event"] for event in events] == [
        "operation_started", "step_started", "step_finished", "step_started", "step_progress", "step_progress", "warning",
        "step_finished", "step_started", "step_finished", "operation_finished",
    ]  # fmt: skip
    assert events[9] | {"time": ""} == {
        "time": "", "event": "step_finished", "operation": "op-1", "index": 0, "status": "undone", "duration_ms": 12_000, "detail": "",
    }  # fmt: skip


@pytest.mark.parametrize("terminal", [True, False])
def test_things_under_way_are_shown_in_place_and_kept_when_they_end(terminal: bool) -> None:
    error = Stream(terminal=terminal)
    streams = Terminal(Stream(), Stream(), error, {"COLUMNS": "70", "NO_COLOR": "1"})
    reporter = reporter_for(streams, "text", streams.environment)
    reporter.note("mysql: building ")
    for number in range(50):
        reporter.note(f"mysql: building step {number}")
    reporter.note("mysql: built in 3 s")
    reporter.note("something else: happened")
    reporter.close()
    text = error.text
    assert text.count("built in 3 s") == 1
    assert "something else: happened" in text
    if terminal:
        assert "  ✓ mysql  built in 3 s" in text
    else:
        assert text.splitlines() == ["mysql: building ...", "mysql: built in 3 s", "something else: happened"]


class Gone(Stream):
    def write(self, text: str) -> int:
        raise BrokenPipeError


@pytest.mark.parametrize("is_terminal", [True, False])
def test_a_reader_that_is_gone_stops_no_operation(is_terminal: bool) -> None:
    streams = Terminal(Stream(), Stream(), Gone(terminal=is_terminal), {})
    failing_run(reporter_for(streams, "text", {}))


def test_running_says_whether_an_operation_is_under_way() -> None:
    for terminal in (True, False):
        streams = Terminal(Stream(), Stream(), Stream(terminal=terminal), {})
        reporter = reporter_for(streams, "text", {})
        assert not reporter.running
        reporter.operation_started(OPERATION)
        assert reporter.running
        reporter.operation_finished(replace(OPERATION, status="done"))
        assert not reporter.running
        reporter.close()


def test_the_silent_reporter_takes_everything_and_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    silent = SilentReporter()
    silent.operation_started(OPERATION)
    silent.step_started(0, STEP, "x", False)
    silent.step_progress(0, "x")
    silent.step_finished(0, "done", 1, "")
    silent.operation_finished(OPERATION)
    silent.note("x")
    silent.warn("x")
    assert capsys.readouterr() == ("", "")


def test_the_last_line_says_what_an_undo_could_not_bring_back() -> None:
    step = StepRecord("start-layer", "undone", detail="not as before: acme is stopped, since port 8003 is taken")
    failed = replace(OPERATION, status="failed", steps=(step,))
    assert ending(failed) == "op-1 failed; not as before: acme is stopped, since port 8003 is taken"
    assert ending(replace(OPERATION, status="rolled_back")) == "op-1 rolled back; everything was put back"
    assert ending(replace(OPERATION, status="paused")) == "op-1 paused"
