"""The engine set-up script with a docker command that is a fake on PATH: what it finds, and what it says when it may not mend it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from looma_cli.settings import PACKAGE

SCRIPT = PACKAGE / "setup" / "engine.sh"
DOCKER = """#!/bin/sh
case "$*" in
"version"*) [ ! -e {home}/engine ] || cat {home}/engine; [ -e {home}/engine ] ;;
"compose version"*) cat {home}/compose 2>/dev/null ;;
"buildx version"*) cat {home}/buildx 2>/dev/null ;;
"context show") echo default ;;
esac
"""


class Machine:
    """``engine``, ``compose`` and ``buildx`` are files with the version that each would answer."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.path = "/usr/bin:/bin"
        (home / "docker").write_text(DOCKER.format(home=home))
        (home / "restic").write_text("#!/bin/sh\n")
        for name in ("docker", "restic"):
            (home / name).chmod(0o755)
        self.has(engine="26.1.5\n", compose="2.26.1-4\n", buildx="github.com/docker/buildx v0.13.1 abc\n")

    def has(self, **answers: str | None) -> None:
        for name, answer in answers.items():
            if answer is None:
                (self.home / name).unlink()
            else:
                (self.home / name).write_text(answer)

    def run(self, *arguments: str, **environment: str) -> tuple[int, list[str]]:
        variables = {"PATH": f"{self.home}:{self.path}", "HOME": str(self.home), "LOOMA_SETUP_LOG": str(self.home / "log"), **environment}
        answer = subprocess.run(["sh", str(SCRIPT), *arguments], env=variables, capture_output=True, text=True, timeout=60, check=False)
        return answer.returncode, (answer.stdout + answer.stderr).splitlines()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_what_is_there_is_used_and_said_in_one_line(machine: Machine) -> None:
    assert machine.run() == (0, ["engine: engine 26.1.5, compose 2.26.1-4, buildx 0.13.1"])
    assert machine.run(ENGINE="no") == (0, ["engine: engine 26.1.5, compose 2.26.1-4, buildx 0.13.1"])


def test_engine_no_refuses_to_install_one(machine: Machine) -> None:
    machine.has(engine=None)
    code, lines = machine.run(ENGINE="no")
    assert code == 7
    assert lines == [
        "engine: no Docker engine answers, and none may be installed or started (ENGINE=no)",
        "hint: start one yourself, or run without ENGINE=no",
    ]
    assert machine.run("--check") == (code, lines)


@pytest.mark.parametrize("url", ["tcp://127.0.0.1:1", "unix:///nowhere/docker.sock", "ssh://root@nowhere.invalid"])
def test_another_engine_that_does_not_answer_is_not_replaced_by_one_here(machine: Machine, url: str) -> None:
    machine.has(engine=None)
    code, lines = machine.run(DOCKER_HOST=url)
    assert code == 7
    assert lines[0] == f"engine: the engine at {url} does not answer"
    assert len(lines) == 2


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        ({"compose": None}, "docker-compose"),
        ({"compose": "1.29.2\n"}, "docker-compose"),
        ({"buildx": None}, "docker-buildx"),
        ({"compose": None, "buildx": None}, "docker-compose docker-buildx"),
    ],
    ids=["compose", "compose v1", "buildx", "both"],
)
def test_a_missing_plugin_is_named(machine: Machine, missing: dict[str, str | None], said: str) -> None:
    machine.has(**missing)
    assert machine.run(ENGINE="no") == (
        7,
        [f"engine: the docker client lacks: {said}", "hint: install the plugin, or run without ENGINE=no"],
    )


@pytest.fixture
def bare(machine: Machine, tmp_path: Path) -> Machine:
    """One whose own folders have neither restic nor sshd, wherever this test runs."""
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("sh", "timeout", "sed", "grep", "tr", "mktemp", "rm", "id", "cat", "flock", "tail"):
        (tools / name).symlink_to(shutil.which(name) or name)
    (machine.home / "restic").unlink()
    machine.path = str(tools)
    return machine


@pytest.mark.parametrize("arguments", [("--check",), ()])
def test_without_restic_all_but_backups_works(bare: Machine, arguments: tuple[str, ...]) -> None:
    code, lines = bare.run(*arguments, ENGINE="no")
    assert code == 0
    assert lines[0] == "engine: restic is missing, and without it no backup can be taken; as root: apt-get install restic"


def test_the_tests_do_not_do_without(bare: Machine) -> None:
    assert bare.run("--tests", ENGINE="no") == (7, ["engine: the tests need restic", "hint: run as root: apt-get install restic"])


def test_an_unknown_option_is_a_usage_error(machine: Machine) -> None:
    assert machine.run("--frob") == (2, ["usage: engine.sh [--images] [--tests] [--check]"])
