"""Every way to fail: one line, one hint, the same as JSON; and the signals."""

from __future__ import annotations

import errno
import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from looma_cli.cli.failures import explain
from looma_cli.cli.run import hoisted
from looma_cli.cli.session import requested_output
from looma_cli.errors import Held, LoomaError, OperationFailed
from tests.cli.conftest import LITE, Cli, Stream


def broken(looma: Any) -> None:
    raise RuntimeError("first line\nsecond line")


# what people and scripts see
def test_an_unexpected_exception_is_one_line_and_a_hint(cli: Cli) -> None:
    cli.prepare = broken
    result = cli("tenant", "list")
    assert (result.code, result.out) == (1, "")
    assert result.err == "error: unexpected RuntimeError: first line second line\n hint: this is a defect of looma; --debug shows where\n"
    assert cli.json("tenant", "list", code=1)["error"]["code"] == "unexpected"


def test_debug_shows_the_traceback_wherever_it_stands(cli: Cli) -> None:
    cli.prepare = broken
    for arguments in (["--debug", "tenant", "list"], ["tenant", "--debug", "list"], ["tenant", "list", "--debug"]):
        result = cli(*arguments)
        assert result.code == 1
        assert "Traceback (most recent call last)" in result.err
        assert result.err.endswith("--debug shows where\n")


def test_the_log_that_an_error_brings_stands_above_it(cli: Cli) -> None:
    """What it is of may be removed already."""

    def failing(looma: Any) -> None:
        raise LoomaError("it ended", "look at the log", log=["first", "last words"])

    cli.prepare = failing
    assert cli("tenant", "list").err == "first\nlast words\nerror: it ended\n hint: look at the log\n"
    assert "first\nlast words\n" in cli("tenant", "list", "--debug").err
    assert cli.json("tenant", "list", code=1)["error"]["details"] == {"log": ["first", "last words"]}


def test_an_error_as_yaml(cli: Cli) -> None:
    result = cli("tenant", "show", "nosuch", "-o", "yaml")
    assert result.code == 3
    assert result.out.startswith("error:\n  code: not_found\n")


@pytest.mark.parametrize(
    "arguments",
    [["tenant", "show", "nosuch", "-o", "json"], ["tenant", "show", "nosuch", "-ojson"], ["tenant", "show", "--output=json", "nosuch"]],
)
def test_every_way_of_asking_for_json(cli: Cli, arguments: list[str]) -> None:
    assert cli(*arguments).error["code"] == "not_found"


def test_json_asked_for_by_the_environment_or_the_configuration(cli: Cli) -> None:
    assert cli("tenant", "show", "nosuch", LOOMA_OUTPUT="json").error["code"] == "not_found"
    assert cli("tenant", "list", LOOMA_OUTPUT="json").document == {"tenants": []}
    (cli.machine.home / "config.toml").write_text('output = "json"\n')
    assert cli("tenant", "list").document == {"tenants": []}
    assert cli("tenant", "list", "-o", "table").out == ""


def test_the_dashes_end_looking_for_output(cli: Cli) -> None:
    assert requested_output(["tenant", "exec", "a", "b", "--", "x", "-o", "json"], {}) == "table"
    assert requested_output(["x", "-o", "json", "-o", "yaml"], {}) == "yaml"
    assert requested_output(["x", "-o"], {}) == "table"
    assert hoisted(["a", "--debug", "--", "--debug", "--no-color"]) == (["a", "--", "--debug", "--no-color"], {"debug"})


def test_a_group_alone_shows_its_help(cli: Cli, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in ([], ["tenant"]):
        assert cli(*arguments).code == 0
        assert "Usage: looma" in capsys.readouterr().out


def test_errors_wrap_between_words_on_a_narrow_terminal_only(cli: Cli) -> None:
    narrow = cli("tenant", "show", "UP", terminal=True, COLUMNS="40", NO_COLOR="1").err.splitlines()
    assert max(map(len, narrow)) <= 40
    assert narrow[0] == "error: 'UP' is not a tenant name"
    assert narrow[2].startswith("       ")
    assert len(cli("tenant", "show", "UP").err.splitlines()) == 2


def test_errors_are_painted_on_a_terminal(cli: Cli) -> None:
    assert cli("tenant", "show", "UP", terminal=True).err.startswith("\x1b[1;31merror:\x1b[0m ")


# what exceptions mean
def test_codes_of_foreign_exceptions() -> None:
    assert explain(KeyboardInterrupt()).exit_code == 130
    full = explain(OSError(errno.ENOSPC, "No space left on device", "/home/x"))
    assert (full.code, full.exit_code, "/home/x" in full.message) == ("disk_full", 1, True)
    assert explain(MemoryError()).code == "unexpected"
    held = explain(Held("held\nby someone", "wait", operation="op-1", other=object()))
    assert (held.exit_code, held.message, held.details) == (4, "held by someone", {"operation": "op-1"})
    assert explain(OperationFailed("x", "y")).exit_code == 1


# signals
def interrupt_while_waiting(cli: Cli, *, times: int) -> None:
    """Ctrl-C arrives while a probe is under way."""
    answer = cli.machine.health.decide
    sent: list[int] = []

    def decide(target: Any) -> Any:
        if len(sent) < times:
            sent.append(1)
            os.kill(os.getpid(), signal.SIGINT)
        return answer(target)

    cli.machine.health.decide = decide


def test_ctrl_c_ends_after_the_step_pauses_and_says_how_to_go_on(cli: Cli) -> None:
    interrupt_while_waiting(cli, times=1)
    result = cli("tenant", "create", "acme", *LITE, "-o", "json")
    assert (result.code, result.error["code"]) == (130, "interrupted")
    assert "looma operation resume op-" in result.error["hint"]
    assert "stopping after this step" in result.err
    operation = cli.json("operation", "list")["operations"][0]
    assert operation["status"] == "paused"
    assert "started" not in {step["status"] for step in operation["steps"]} or operation["steps"][-1]["status"] == "todo"
    assert cli.json("operation", "resume", operation["id"])["status"] == "done"
    assert cli.json("tenant", "show", "acme")["status"] == "running"


def test_a_second_ctrl_c_ends_at_once_and_leaves_an_operation_to_resume(cli: Cli) -> None:
    interrupt_while_waiting(cli, times=2)
    result = cli("tenant", "create", "acme", *LITE, "-o", "json")
    assert (result.code, result.error["code"]) == (130, "interrupted")
    operation = cli.json("operation", "list")["operations"][0]
    assert operation["status"] in ("interrupted", "paused")
    assert cli.json("operation", "rollback", operation["id"])["status"] == "rolled_back"
    assert cli.machine.left_on_engine() == []


def test_ctrl_c_ends_a_whole_batch(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "tenants.yaml"
    file.write_text("- {name: one1}\n- {name: two2}\n- {name: three3}\n")
    interrupt_while_waiting(cli, times=1)
    result = cli("tenant", "create", "--from", str(file), *LITE, "-o", "json")
    assert (result.code, result.error["code"]) == (130, "interrupted")
    assert [operation["tenant"] for operation in cli.json("operation", "list", "--all")["operations"]] == ["one1"]


def test_ctrl_c_while_only_looking_ends_at_once(acme: Cli) -> None:
    interrupt_while_waiting(acme, times=1)
    before = signal.getsignal(signal.SIGINT)
    result = acme("health", "acme")
    assert (result.code, result.out, result.err) == (130, "", "error: interrupted\n")
    assert signal.getsignal(signal.SIGINT) is before


# standard output that cannot be written
class Failing(Stream):
    """Raises at the first write, like a pipe without a reader or a full disk."""

    def __init__(self, error: OSError) -> None:
        super().__init__()
        self._error = error

    def write(self, text: str) -> int:
        raise self._error


def test_a_closed_pipe_is_no_error_and_the_exit_code_stays(acme: Cli) -> None:
    result = acme("tenant", "list", out=Failing(BrokenPipeError(errno.EPIPE, "Broken pipe")))
    assert (result.code, result.err) == (0, "")
    acme.machine.engine.unhealthy.add("mysql")
    result = acme("health", out=Failing(BrokenPipeError(errno.EPIPE, "Broken pipe")))
    assert (result.code, result.err) == (5, "")


@pytest.mark.parametrize("output", ["table", "json", "yaml"])
def test_a_full_disk_behind_standard_output_is_said_on_standard_error(acme: Cli, output: str) -> None:
    result = acme("tenant", "list", "-o", output, out=Failing(OSError(errno.ENOSPC, "No space left on device")))
    assert result.code == 1
    assert result.err.startswith("error: no space left on the device")


# progress as JSON
def test_the_log_format_json_makes_every_line_of_standard_error_an_object(cli: Cli) -> None:
    result = cli("tenant", "create", "acme", *LITE, LOOMA_LOG_FORMAT="json")
    events = [json.loads(line) for line in result.err.splitlines()]
    assert events[0].keys() == {"time", "event", "operation", "kind", "tenant", "direction"}
    assert [event["event"] for event in (events[0], events[1], events[-1])] == ["operation_started", "step_started", "operation_finished"]
    assert {event["operation"] for event in events} == {events[0]["operation"]}
    assert events[-1]["status"] == "done"
