"""Shell completion: names of tenants and editions, options, choices; never an error."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Cli


def complete(home: Path, line: str, *, shell: str = "bash", **more: str) -> list[str]:
    """What the shell would offer at the end of the line."""
    words = line.split(" ")
    given = {"COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)} if shell == "bash" else {"_TYPER_COMPLETE_ARGS": line}
    result = subprocess.run(
        [sys.executable, "-m", "looma_cli"], capture_output=True, text=True, check=False,
        env={"PATH": os.environ["PATH"], "LOOMA_HOME": str(home), "_LOOMA_COMPLETE": f"complete_{shell}", **given, **more},
    )  # fmt: skip
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout.split("\n")[:-1] if result.stdout.strip() else []


@pytest.fixture
def home(acme: Cli) -> Path:
    acme.json("tenant", "create", "acorn", "--edition", "pro", "--profile", "lite", "--no-start")
    return acme.machine.home


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("looma te", ["tenant"]),
        ("looma tenant res", ["restart", "resume"]),
        ("looma tenant show a", ["acme", "acorn"]),
        ("looma tenant show acm", ["acme"]),
        ("looma tenant show x", []),
        ("looma tenant show %", []),
        ("looma tenant logs ", ["acme", "acorn"]),
        ("looma status aco", ["acorn"]),
        ("looma health acme aco", ["acorn"]),
        ("looma port list --tenant a", ["acme", "acorn"]),
        ("looma tenant create new --edition b", ["basic", "blockchain"]),
        ("looma tenant create new --edition ", ["basic", "blockchain", "dao", "future", "pro"]),
        ("looma tenant create new --edition l", []),
        ("looma edition show l", ["looma-core"]),
        ("looma tenant create new --edition basic --profile ", ["full", "lite"]),
        ("looma tenant create a", []),
        ("looma edition show d", ["dao"]),
        ("looma edition compare basic p", ["pro"]),
        ("looma tenant list -o j", ["json"]),
        ("looma tenant create --dr", ["--dry-run"]),
        ("looma tenant show 'a", ["acme", "acorn"]),
    ],
)
def test_what_is_offered(home: Path, line: str, offered: list[str]) -> None:
    assert complete(home, line) == offered


def test_ids_of_operations(home: Path) -> None:
    ids = complete(home, "looma operation show op-")
    assert len(ids) == 2
    assert all(id.startswith("op-") for id in ids)


def test_ids_of_backups_and_names_that_only_backups_have(home: Path, acme: Cli) -> None:
    ids = [acme.json("backup", "create", "acme")["id"] for _ in range(2)]
    assert acme("tenant", "delete", "acme", "--no-backup", "--yes").code == 0
    assert sorted(complete(home, "looma backup show bk-")) == sorted(ids)
    assert sorted(complete(home, "looma backup restore acme bk-")) == sorted(ids)
    assert complete(home, "looma tenant show ac") == ["acorn"]
    assert complete(home, "looma backup list ac") == ["acme", "acorn"]
    assert complete(home, "looma backup restore acm") == ["acme"]
    assert sorted(complete(home, "looma backup verify ")) == sorted([*ids, "acme", "acorn"])
    assert complete(home, "looma backup restore acme --as a") == []
    assert complete(home, "looma backup create acorn --kind i") == ["incremental"]


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells(home: Path, shell: str) -> None:
    text = "\n".join(complete(home, "looma tenant show ac", shell=shell, _TYPER_COMPLETE_FISH_ACTION="get-args"))
    assert "acme" in text
    assert "acorn" in text


def test_a_home_without_a_state_or_with_a_broken_one_offers_nothing(tmp_path: Path) -> None:
    assert complete(tmp_path / "absent", "looma tenant show ") == []
    assert not (tmp_path / "absent").exists()
    (tmp_path / "looma.db").write_bytes(b"garbage" * 500)
    assert complete(tmp_path, "looma tenant show ") == []


def test_a_state_in_postgresql_is_too_far_away(home: Path) -> None:
    assert complete(home, "looma tenant show ", LOOMA_DATABASE_URL="postgresql://nowhere/x") == []


def test_the_script_for_the_shell(home: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "looma_cli"], capture_output=True, text=True, check=False,
        env={"PATH": os.environ["PATH"], "_LOOMA_COMPLETE": "source_bash"},
    )  # fmt: skip
    assert "_looma_completion" in result.stdout
