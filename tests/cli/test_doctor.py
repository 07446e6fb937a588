"""`looma doctor` and `--version`: exit codes, documents and the text that people see."""

from __future__ import annotations

from pathlib import Path

import pytest

from looma_cli import __version__
from tests.cli.conftest import Cli


def test_version(cli: Cli, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli("--version").code == 0
    assert capsys.readouterr().out == f"looma {__version__}\n"


def test_doctor(cli: Cli) -> None:
    document = cli.json("doctor")
    assert document["ok"] is True
    assert {"name", "status", "detail", "hint"} == set(document["checks"][0])
    assert cli("doctor", LOOMA_IMAGES="registry").out.endswith("14 checks, all ok\n")


def test_doctor_says_how_to_mend_and_exits_5(cli: Cli) -> None:
    cli.machine.daemon.answers = False
    assert cli.json("doctor", code=5)["ok"] is False
    result = cli("doctor")
    assert result.code == 5
    assert "To mend" in result.out


def test_doctor_settings_name_their_source(cli: Cli) -> None:
    (cli.machine.home / "config.toml").write_text('address = "192.0.2.7"\n')
    rows = {
        row["name"]: (row["value"], row["source"]) for row in cli.json("doctor", "--settings", LOOMA_PORT_RANGE="21000-21999")["settings"]
    }
    assert rows["address"] == ("192.0.2.7", "config.toml")
    assert rows["port_range"] == ("21000-21999", "environment")
    assert rows["edge_http_port"] == (80, "default")
    assert "config.toml" in cli("doctor", "--settings").out


def check(cli: Cli, name: str, code: int = 0, **environment: str) -> dict[str, str]:
    return next(each for each in cli.json("doctor", code=code, **environment)["checks"] if each["name"] == name)


def test_doctor_asks_for_a_restic_that_is_new_enough(cli: Cli, tmp_path: Path) -> None:
    assert check(cli, "restic")["status"] == "ok"
    for said, wanted in (("restic 0.13.1 compiled", "restic 0.13.1 is too old"), ("hello", "does not say its version")):
        program = tmp_path / "restic"
        program.write_text(f"#!/bin/sh\necho '{said}'\n")
        program.chmod(0o755)
        found = check(cli, "restic", 5, PATH=f"{tmp_path}:/usr/bin:/bin")
        assert (found["status"], wanted in found["detail"]) == ("failed", True)
    program.unlink()
    found = check(cli, "restic", 5, PATH=str(tmp_path))
    assert (found["status"], found["hint"]) == ("failed", "install restic: apt-get install restic")


def test_doctor_looks_at_the_places_for_backups(cli: Cli, tmp_path: Path) -> None:
    assert "no second place" in check(cli, "backup places")["detail"]
    (tmp_path / "file").touch()
    for place in (str(tmp_path / "file/below"), "s3:http://127.0.0.1:1/bucket", "sftp://nobody@127.0.0.1:1//backups"):
        for setting in ("LOOMA_BACKUP_REPOSITORY", "LOOMA_BACKUP_COPY"):
            found = check(cli, "backup places", 5, **{setting: place})
            assert found["status"] == "failed"
            assert found["hint"]
    assert not (cli.machine.home / "backups").exists()


def test_doctor_looks_at_the_passphrase(cli: Cli, tmp_path: Path) -> None:
    assert "made with the first backup" in check(cli, "passphrase")["detail"]
    named = tmp_path / "passphrase"
    assert check(cli, "passphrase", 5, LOOMA_BACKUP_PASSPHRASE_FILE=str(named))["status"] == "failed"
    named.write_text("  \n")
    assert "is empty" in check(cli, "passphrase", 5, LOOMA_BACKUP_PASSPHRASE_FILE=str(named))["detail"]
    named.write_text("secret\n")
    named.chmod(0o644)
    assert check(cli, "passphrase", LOOMA_BACKUP_PASSPHRASE_FILE=str(named))["hint"] == f"chmod 600 {named}"
    named.chmod(0o600)
    assert "keep a copy elsewhere" in check(cli, "passphrase", LOOMA_BACKUP_PASSPHRASE_FILE=str(named))["detail"]


def test_doctor_looks_at_the_schedule(cli: Cli) -> None:
    assert check(cli, "backup schedule")["status"] == "ok"
    cli.json("backup", "schedule", "install")
    assert "by systemd" in check(cli, "backup schedule")["detail"]
    cli.machine.scheduler.runs.clear()
    found = check(cli, "backup schedule", 5)
    assert (found["status"], found["hint"]) == ("failed", "looma backup schedule install")
