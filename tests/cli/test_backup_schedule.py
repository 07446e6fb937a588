"""`looma backup schedule` and `looma backup run --due`: documents, text, exit codes; and what is overdue in `status` and `health`."""

from __future__ import annotations

import pytest

from looma_cli.errors import CommandFailed, NotAllowed
from tests.cli.conftest import Cli

HOUR = 3600.0


def test_install_show_remove(cli: Cli) -> None:
    assert cli.json("backup", "schedule") == {"installed": False}
    installed = cli.json("backup", "schedule", "install", "--full-at", "02:30", "--every", "12h", LOOMA_REGISTRY="r.example")
    assert {key: installed[key] for key in ("installed", "full_at", "every_hours", "by", "problem")} == {
        "installed": True, "full_at": "02:30", "every_hours": 12, "by": "systemd", "problem": "",
    }  # fmt: skip
    assert installed["next_run_at"] == "2026-01-02T14:30:00Z"
    (run,) = cli.machine.scheduler.runs.values()
    assert run.times == ((2, 30), (14, 30))
    assert run.environment["LOOMA_HOME"] == str(cli.machine.home)
    assert run.environment["LOOMA_REGISTRY"] == "r.example"
    assert run.command[-3:] == ("backup", "run", "--due")
    assert run.command[0].startswith("/")
    text = cli("backup", "schedule", "show").out
    assert "daily at 02:30" in text
    assert "every 12 hours" in text
    assert cli.json("backup", "schedule", "remove") == {"installed": False}
    assert cli.machine.scheduler.runs == {}
    assert cli("backup", "schedule", "remove").code == 0


def test_the_same_schedule_again_keeps_its_date_and_another_does_not(cli: Cli) -> None:
    first = cli.json("backup", "schedule", "install")["installed_at"]
    cli.machine.clock.sleep(HOUR)
    assert cli.json("backup", "schedule", "install")["installed_at"] == first
    assert cli.json("backup", "schedule", "install", "--every", "4h")["installed_at"] != first


def test_places_are_written_down_as_they_are_meant_here(cli: Cli) -> None:
    cli("backup", "schedule", "install", LOOMA_BACKUP_REPOSITORY="sets", LOOMA_BACKUP_COPY="sftp:u@h:/b", LOOMA_BACKUP_PASSPHRASE_FILE="pw")
    (run,) = cli.machine.scheduler.runs.values()
    assert run.environment["LOOMA_BACKUP_REPOSITORY"].startswith("/")
    assert run.environment["LOOMA_BACKUP_PASSPHRASE_FILE"].startswith("/")
    assert run.environment["LOOMA_BACKUP_COPY"] == "sftp:u@h:/b"


def test_dry_run_shows_what_would_be_written_without_secrets_and_writes_nothing(cli: Cli) -> None:
    secrets = {"AWS_SECRET_ACCESS_KEY": "hush", "LOOMA_SECRET_KEY_FILE": "/k"}
    document = cli.json("backup", "schedule", "install", "--dry-run", **secrets)
    assert document["plan"]["changes"][0].startswith("+ /")
    (text,) = document["files"].values()
    assert "AWS_SECRET_ACCESS_KEY=***" in text
    assert "LOOMA_SECRET_KEY_FILE=/k" in text
    assert "hush" not in cli("backup", "schedule", "install", "--dry-run", **secrets).out
    assert cli.machine.scheduler.runs == {}
    assert cli.json("backup", "schedule") == {"installed": False}


def test_an_install_that_fails_is_none(cli: Cli) -> None:
    cli.machine.scheduler.error = CommandFailed("systemctl: no bus", "log in")
    assert cli.json("backup", "schedule", "install", code=1)["error"]["code"] == "command_failed"
    assert cli.json("backup", "schedule") == {"installed": False}
    cli.machine.scheduler.absent = NotAllowed("neither systemd nor cron", "install cron")
    assert cli.json("backup", "schedule", "install", code=4)["error"]["code"] == "not_allowed"


def test_a_schedule_that_does_not_run_is_unhealthy(cli: Cli) -> None:
    cli.json("backup", "schedule", "install")
    cli.machine.scheduler.runs.clear()
    assert cli.json("backup", "schedule", "show", code=5)["problem"] == "it is gone"
    assert "does not run" in cli("backup", "schedule").out


@pytest.mark.parametrize(
    "arguments",
    [
        ("schedule", "instal"),
        ("schedule", "install", "--full-at", "24:00"),
        ("schedule", "install", "--full-at", "3:00"),
        ("schedule", "install", "--full-at", "03:00\n"),
        ("schedule", "install", "--every", "5h"),
        ("schedule", "install", "--every", "90m"),
        ("schedule", "install", "--every", "0h"),
        ("schedule", "install", "--every", "48h"),
        ("schedule", "show", "--every", "6h"),
        ("run",),
        ("run", "--due", "--parallel", "0"),
        ("run", "--due", "--parallel", "17"),
        ("run", "--due", "--parallel", "two"),
    ],
)
def test_bad_input(cli: Cli, arguments: tuple[str, ...]) -> None:
    error = cli.json("backup", *arguments, code=2)["error"]
    assert error["message"]
    assert error["hint"]
    assert cli.machine.scheduler.runs == {}


def test_run_due(acme: Cli) -> None:
    (result,) = acme.json("backup", "run", "--due")["results"]
    assert (result["tenant"], result["status"], result["kind"], result["error"]) == ("acme", "done", "full", None)
    assert result["backup"]["tenant"] == "acme"
    assert acme.json("backup", "run", "--due")["results"][0]["status"] == "not_due"
    acme.machine.clock.sleep(6 * HOUR)
    ran = acme("backup", "run", "--due", "--parallel", "1")
    assert "incremental bk-" in ran.out
    assert ran.out.endswith("1 done\n")
    assert "acme: done" in ran.err


def test_run_due_exits_1_and_says_which_when_one_failed(acme: Cli) -> None:
    acme.machine.stores.failing.add("mysql")
    (result,) = acme.json("backup", "run", "--due", code=1)["results"]
    assert result["status"] == "failed"
    assert result["backup"] is None
    assert "mysql" in result["error"]["message"]


def test_run_due_dry_run(acme: Cli) -> None:
    (result,) = acme.json("backup", "run", "--due", "--dry-run")["results"]
    assert (result["status"], result["plan"]["kind"]) == ("planned", "backup.create")
    assert "would take a full one" in acme("backup", "run", "--due", "--dry-run").out
    assert acme.json("backup", "list")["backups"] == []


def concerns(cli: Cli) -> list[tuple[str, str]]:
    return [(line["tenant"], line["state"]) for line in cli.json("status")["backups"]]


def test_without_a_schedule_nothing_is_overdue(acme: Cli) -> None:
    acme.machine.clock.sleep(48 * HOUR)
    assert concerns(acme) == []
    assert acme.json("health", "acme")["healthy"] is True


def test_a_backup_that_should_have_run_and_did_not_is_unhealthy(acme: Cli) -> None:
    """The clock begins at 03:04; slots are at 03, 09, 15 and 21, and each has an hour."""
    acme.json("backup", "schedule", "install")
    acme.machine.clock.sleep(6.5 * HOUR)
    assert concerns(acme) == []
    acme.machine.clock.sleep(0.5 * HOUR)
    assert concerns(acme) == [("acme", "overdue")]
    report = acme.json("health", "acme", code=5)
    assert report["healthy"] is False
    line = report["tenants"][0]["components"][-1]
    assert (line["component"], line["kind"], line["state"], line["healthy"]) == ("backup", "backup", "overdue", False)
    assert line["detail"].endswith("looma backup create acme")
    fleet = acme.json("status")
    assert (fleet["tenants"][0]["health"], fleet["summary"]["unhealthy"]) == ("unhealthy", 1)
    assert "overdue" in acme("status").out
    acme.json("backup", "run", "--due")
    assert concerns(acme) == []
    assert acme.json("status")["tenants"][0]["health"] == "healthy"
    assert acme.json("health", "acme")["healthy"] is True
    acme.machine.clock.sleep(6 * HOUR)
    assert "is 6h old" in acme.json("status")["backups"][0]["detail"]


def test_a_partial_set_is_not_the_one_that_was_due(acme: Cli) -> None:
    acme.json("backup", "schedule", "install")
    acme.machine.clock.sleep(6.5 * HOUR)
    acme.machine.stores.failing.add("redis")
    acme.json("backup", "create", "acme", "--allow-partial")
    acme.machine.clock.sleep(HOUR)
    assert concerns(acme) == [("acme", "overdue")]


def test_a_stopped_tenant_is_not_overdue(acme: Cli) -> None:
    acme.json("backup", "schedule", "install")
    acme.machine.clock.sleep(8 * HOUR)
    assert acme("tenant", "stop", "acme").code == 0
    assert concerns(acme) == []


def test_a_set_whose_last_proof_failed_is_shown(acme: Cli) -> None:
    acme.json("backup", "create", "acme")
    acme.machine.stores.tables(next(name for name in acme.machine.daemon.volumes if "mysql" in name))["t"] = {"a": "b"}
    id = acme.json("backup", "create", "acme")["id"]
    acme.machine.stores.damaged.add("mysql")
    assert acme("backup", "verify", id).code != 0
    assert concerns(acme) == [("acme", "unproven")]
    assert acme.json("health", "acme", code=5)["tenants"][0]["components"][-1]["state"] == "unproven"
