"""`fleet upgrade` and `fleet status` as a person and as a script see them."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path
from typing import Any

import pytest

from looma_cli.errors import CommandFailed, EngineUnavailable
from tests.cli.conftest import LITE, Cli
from tests.fakes.failing import Killed
from tests.worlds import Machine

OLD, NEW = "1.4.1", "1.5.0"
UPGRADE = ("fleet", "upgrade", "--edition", "basic", "--release", NEW)
SUMMARY = {"tenants": 3, "done": 0, "failed": 0, "paused": 0, "not_begun": 0, "left_out": 0}


@pytest.fixture(scope="module")
def _three(_empty: Machine, tmp_path_factory: pytest.TempPathFactory) -> Machine:
    machine = _empty.twin(tmp_path_factory.mktemp("three") / "home")
    for name in ("acme", "beta", "gamma"):
        assert Cli(machine)("tenant", "create", name, *LITE, "--release", OLD).code == 0
    return machine


@pytest.fixture
def three(_three: Machine, tmp_path: Path) -> Cli:
    """On a machine with three running tenants on the oldest release."""
    return Cli(_three.twin(tmp_path / "home"))


def fails(cli: Cli, error: BaseException) -> None:
    """The first tenant's new services cannot be started."""
    cli.machine.engine.fail_on("start", error, layer="app")


def tenants(fleet: Any) -> dict[str, str]:
    return {row["name"]: row["status"] for wave in fleet["waves"] for row in wave["tenants"]}


def test_upgrade_as_json(three: Cli) -> None:
    fleet = three.json(*UPGRADE, "--wave", "1,rest")["fleet"]
    assert {key: fleet[key] for key in ("edition", "release", "left_out", "stopped")} == {
        "edition": "basic", "release": NEW, "left_out": [], "stopped": None,
    }  # fmt: skip
    assert fleet["summary"] == {**SUMMARY, "done": 3}
    assert [(wave["wave"], wave["size"], [row["name"] for row in wave["tenants"]]) for wave in fleet["waves"]] == [
        (1, "1", ["acme"]),
        (2, "rest", ["beta", "gamma"]),
    ]
    row = fleet["waves"][0]["tenants"][0]
    assert set(row) == {"name", "status", "from", "to", "operation", "duration_ms", "error"}
    assert (row["status"], row["from"], row["to"], row["error"]) == ("done", OLD, NEW, None)
    assert three.json("operation", "show", row["operation"])["kind"] == "tenant.upgrade"
    assert {tenant["release"] for tenant in three.json("tenant", "list")["tenants"]} == {NEW}
    again = three.json(*UPGRADE)["fleet"]
    assert (again["summary"], again["waves"], again["already"][0]["operation"]) == ({**SUMMARY, "done": 3}, [], None)


def test_upgrade_as_text_without_a_terminal(three: Cli) -> None:
    """One line when a tenant begins and one when it ends, whatever its steps."""
    result = three(*UPGRADE)
    assert result.code == 0
    lines = result.err.splitlines()
    assert lines[0] == "images: checking ..."
    began, ended = (line for line in lines if line.startswith("beta"))
    assert began == "beta: upgrading ..."
    assert re.fullmatch(rf"beta: done {OLD} -> {NEW} in \S+", ended)
    assert "WAVE" in result.out
    assert result.out.endswith(f"basic {NEW}: 3 done\n")


def test_upgrade_on_a_terminal(three: Cli) -> None:
    fails(three, CommandFailed("the service ended with exit code 3", "look"))
    result = three(*UPGRADE, "--max-failures", "1", terminal=True, COLUMNS="120")
    assert result.code == 1
    plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]|\r", "", result.err)
    assert "✗ acme" in plain
    assert "✓ beta  done" in plain
    assert "Next: looma fleet status" in plain
    assert result.err.rindex("\x1b[?25h") > result.err.rindex("\x1b[?25l")


def test_a_failure_ends_it_with_1_and_says_why(three: Cli) -> None:
    fails(three, CommandFailed("the service ended with exit code 3", "look"))
    fleet = three.json(*UPGRADE, code=1)["fleet"]
    assert fleet["summary"] == {**SUMMARY, "failed": 1, "not_begun": 2}
    assert fleet["stopped"] == "1 failed, and --max-failures is 0"
    error = fleet["waves"][0]["tenants"][0]["error"]
    assert error["code"] == "operation_failed"
    assert "exit code 3" in error["message"]
    text = three("fleet", "status")
    assert f"looma fleet upgrade --edition basic --release {NEW}" in text.out
    assert "exit code 3" in text.out


def test_the_stop_is_said_in_words(three: Cli) -> None:
    fails(three, CommandFailed("no", "look"))
    result = three(*UPGRADE)
    assert result.code == 1
    assert "Stopped: 1 failed, and --max-failures is 0." in result.out
    assert "not begun" in result.out


def test_what_is_paused_ends_it_with_8_and_the_same_command_goes_on(three: Cli) -> None:
    fails(three, EngineUnavailable("the engine went away", "start it"))
    fleet = three.json(*UPGRADE, code=8)["fleet"]
    row = fleet["waves"][0]["tenants"][0]
    assert (row["status"], row["error"]["code"]) == ("paused", "paused")
    unfinished = three.json("fleet", "status")["fleets"][0]["unfinished"]
    assert [(one["tenant"], one["operation"], one["status"], one["to"]) for one in unfinished] == [
        ("acme", row["operation"], "paused", NEW)
    ]
    assert tenants(three.json(*UPGRADE)["fleet"]) == {"acme": "done", "beta": "done", "gamma": "done"}


def interrupts(cli: Cli) -> None:
    """A Ctrl-C in the middle of the first tenant's upgrade."""
    asked: list[int] = []

    def shell(command: Any, files: Any) -> tuple[int | None, str]:
        if not asked:
            asked.append(1)
            os.kill(os.getpid(), signal.SIGINT)
        return None, ""

    cli.machine.engine.shell = shell


def test_ctrl_c_ends_it_with_130_and_the_whole_report(three: Cli) -> None:
    interrupts(three)
    fleet = three.json(*UPGRADE, code=130)["fleet"]
    assert tenants(fleet) == {"acme": "paused", "beta": "not_begun", "gamma": "not_begun"}
    assert fleet["stopped"] == "interrupted"
    assert tenants(three.json(*UPGRADE)["fleet"]) == {"acme": "done", "beta": "done", "gamma": "done"}


def test_dry_run_says_who_is_in_which_wave_and_changes_nothing(three: Cli) -> None:
    three.json("tenant", "stop", "gamma")
    before = three.json("operation", "list", "--all")
    plan = three.json(*UPGRADE, "--dry-run")["plan"]
    assert (plan["kind"], plan["tenant"]) == ("fleet.upgrade", None)
    assert [step["name"] for step in plan["steps"]] == ["pull-images"]
    assert plan["changes"] == [f"~ wave 1 (1): acme {OLD} -> {NEW}", f"~ wave 2 (5%): beta {OLD} -> {NEW}"]
    assert plan["warnings"] == ["gamma is left out: stopped"]
    assert "wave 2 (5%)" in three(*UPGRADE, "--dry-run").out
    assert three.json("operation", "list", "--all") == before


def test_left_out_is_listed_with_the_reason(three: Cli) -> None:
    three.json("tenant", "stop", "gamma")
    fleet = three.json(*UPGRADE)["fleet"]
    assert fleet["left_out"] == [{"name": "gamma", "status": "left_out", "from": OLD, "to": NEW, "reason": "stopped"}]
    assert fleet["summary"] == {**SUMMARY, "done": 2, "left_out": 1}
    assert "left out" in three(*UPGRADE).out


def test_a_missing_image_fails_before_anything(three: Cli) -> None:
    three.machine.daemon.images = set()
    before = three.json("operation", "list", "--all")
    assert three.json(*UPGRADE, code=1)["error"]["code"] == "image_unavailable"
    assert three.json("operation", "list", "--all") == before


def test_after_a_kill_status_says_so_and_the_same_command_goes_on(three: Cli) -> None:
    three.machine.engine.crash_after = 8
    with pytest.raises(Killed):
        three(*UPGRADE)
    (fleet,) = three.json("fleet", "status")["fleets"]
    assert [(one["tenant"], one["status"]) for one in fleet["unfinished"]] == [("acme", "interrupted")]
    assert fleet["next"] == f"looma fleet upgrade --edition basic --release {NEW}"
    assert tenants(three.json(*UPGRADE)["fleet"]) == {"acme": "done", "beta": "done", "gamma": "done"}


def test_status(three: Cli) -> None:
    three.json("tenant", "upgrade", "beta", "--release", NEW)
    three.json("tenant", "stop", "gamma")
    (fleet,) = three.json("fleet", "status")["fleets"]
    assert fleet == {
        "edition": "basic",
        "newest": NEW,
        "tenants": 3,
        "releases": [{"release": NEW, "tenants": 1, "serving": 1}, {"release": OLD, "tenants": 2, "serving": 1}],
        "unfinished": [],
        "next": f"looma fleet upgrade --edition basic --release {NEW}",
    }
    lines = three("fleet", "status").out.splitlines()
    assert lines[0].split() == ["EDITION", "RELEASE", "TENANTS", "SERVING", "IS"]
    assert lines[1].split() == ["basic", NEW, "1", "1", "newest"]
    assert lines[2].split() == [OLD, "2", "1"]


def test_status_without_tenants(cli: Cli) -> None:
    assert cli.json("fleet", "status") == {"fleets": []}
    assert "There are no tenants." in cli("fleet", "status").err


def test_an_edition_without_tenants(cli: Cli) -> None:
    fleet = cli.json(*UPGRADE)["fleet"]
    assert (fleet["waves"], fleet["summary"]["tenants"]) == ([], 0)
    assert cli(*UPGRADE).out == f"basic {NEW}: no tenants\n"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--wave", "5%"], 2),
        (["--wave", "rest,1"], 2),
        (["--wave", "0,rest"], 2),
        (["--wave", "1;rest"], 2),
        (["--wave", ""], 2),
        (["--max-failures", "-1"], 2),
        (["--max-failures", "few"], 2),
        (["--parallel", "0"], 2),
        (["--parallel", "17"], 2),
        (["--parallel", "two"], 2),
        (["--release", "9.9.9"], 3),
        (["--release", "1 4"], 2),
        (["--edition", "gold"], 3),
        (["--edition", "Gold!"], 2),
        (["--edition", "looma-core"], 2),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_input(three: Cli, arguments: list[str], code: int) -> None:
    error = three.json(*UPGRADE, *arguments, code=code)["error"]
    assert error["message"]
    assert error["hint"]
    assert {tenant["release"] for tenant in three.json("tenant", "list")["tenants"]} == {OLD}


@pytest.mark.parametrize(
    "arguments", [["fleet", "upgrade"], ["fleet", "upgrade", "--edition", "basic"], ["fleet", "upgrade", "--release", NEW]]
)
def test_both_edition_and_release_are_needed(three: Cli, arguments: list[str]) -> None:
    assert three.json(*arguments, code=2)["error"]["code"] == "usage"
