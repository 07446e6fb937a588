"""``looma backup restore``: what it asks, refuses and prints."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.backups import failing, with_backup
from tests.cli.conftest import Cli
from tests.stored import STORES, fill, held
from tests.worlds import Machine

OLD, NEW = {"a": "1"}, {"b": "2", "c": "3"}


@pytest.fixture
def changed(acme: Cli) -> Cli:
    """``acme`` has a backup of one row in each datastore, and two other rows now."""
    with_backup(acme, **OLD)
    acme.machine.clock.sleep(3600)
    fill(acme.machine, "acme", **NEW)
    return acme


def everywhere(rows: dict[str, str]) -> dict[str, dict[str, str]]:
    return dict.fromkeys(STORES, rows)


def test_restore_in_place_prints_the_operation(changed: Cli) -> None:
    operation = changed.json("backup", "restore", "acme", "--yes")
    assert (operation["kind"], operation["tenant"], operation["status"]) == ("backup.restore", "acme", "done")
    assert all(step["status"] == "done" for step in operation["steps"])
    assert held(changed.machine, "acme") == everywhere(OLD)
    assert changed.json("tenant", "show", "acme")["generations"] == {"data": 2, "app": 2}
    assert changed.json("health", "acme")["healthy"]


def test_the_present_is_backed_up_first(changed: Cli) -> None:
    changed.json("backup", "restore", "acme", "--yes")
    safety, _ = changed.json("backup", "list", "acme")["backups"]
    assert [store["rows"] for store in safety["datastores"]] == [2, 2, 2]
    changed.json("backup", "restore", "acme", safety["id"], "--yes")
    assert held(changed.machine, "acme") == everywhere(NEW)


def test_it_asks_with_the_facts_and_keeps_everything_on_no(changed: Cli) -> None:
    (backup,) = changed.json("backup", "list")["backups"]
    result = changed("backup", "restore", "acme", terminal=True, answer="n\n", NO_COLOR="1")
    assert result.code == 1
    for fact in (
        "acme, basic 1.5.0, running", f"{backup['id']}, ", "not proven", "mysql, redis, postgresql: 3 rows", "a backup of the present",
        "the old layers stay for 1h",
    ):  # fmt: skip
        assert fact in result.err
    assert f"Replace the data of tenant acme by backup {backup['id']}? [y/N]" in result.err
    assert held(changed.machine, "acme") == everywhere(NEW)
    assert len(changed.json("backup", "list")["backups"]) == 1


def test_it_asks_and_restores_on_yes(changed: Cli) -> None:
    result = changed("backup", "restore", "acme", "--no-backup", "--keep", "2h", terminal=True, answer="y\n", COLUMNS="80", NO_COLOR="1")
    assert result.code == 0
    assert "no backup of the present is taken" in result.err
    assert "the old layers stay for 2h" in result.err
    assert "Next: looma health acme" in result.err
    assert "● done" in result.out
    assert held(changed.machine, "acme") == everywhere(OLD)
    assert len(changed.json("backup", "list")["backups"]) == 1


def test_without_terminal_and_yes_it_refuses(changed: Cli) -> None:
    error = changed.json("backup", "restore", "acme", code=2)["error"]
    assert error["code"] == "confirmation_required"
    assert "--yes" in error["hint"]
    assert changed("backup", "restore", "acme").err.count("\n") == 2
    assert held(changed.machine, "acme") == everywhere(NEW)


def test_dry_run_prints_the_plan_and_asks_nothing(changed: Cli) -> None:
    plan = changed.json("backup", "restore", "acme", "--dry-run")["plan"]
    assert plan["kind"] == "backup.restore"
    assert any(change.startswith("~ mysql from backup bk-") for change in plan["changes"])
    assert any("503" in warning for warning in plan["warnings"])
    assert held(changed.machine, "acme") == everywhere(NEW)


def test_only_one_datastore_the_others_as_they_are(changed: Cli) -> None:
    result = changed("backup", "restore", "acme", "--only", "mysql", terminal=True, answer="y\n", NO_COLOR="1")
    assert "mysql: 1 row\n" in result.err
    assert held(changed.machine, "acme") == {"mysql": OLD, "redis": NEW, "postgresql": NEW}


def test_as_makes_another_tenant_without_asking(changed: Cli) -> None:
    operation = changed.json("backup", "restore", "acme", "--as", "copy")
    assert (operation["tenant"], operation["status"]) == ("copy", "done")
    assert held(changed.machine, "copy") == everywhere(OLD)
    assert held(changed.machine, "acme") == everywhere(NEW)
    assert changed.json("health", "--all")["healthy"]


def test_as_with_a_name_that_exists_is_a_conflict(changed: Cli) -> None:
    error = changed.json("backup", "restore", "acme", "--as", "acme", code=4)["error"]
    assert error["code"] == "already_exists"
    assert held(changed.machine, "acme") == everywhere(NEW)


def test_a_deleted_tenant_comes_back(changed: Cli) -> None:
    assert changed("tenant", "delete", "acme", "--yes").code == 0
    operation = changed.json("backup", "restore", "acme")
    assert operation["status"] == "done"
    assert held(changed.machine, "acme") == everywhere(NEW)


def test_a_lost_home_is_no_lost_customer(changed: Cli, tmp_path: Path) -> None:
    """On another machine with an empty state; the passphrase is all that was kept."""
    (backup,) = changed.json("backup", "list")["backups"]
    other = Machine(tmp_path / "other")
    other.places = changed.machine.places
    passphrase = other.home / "backup.passphrase"
    passphrase.write_text((changed.machine.home / "backup.passphrase").read_text())
    passphrase.chmod(0o600)
    there = Cli(other)
    assert [each["id"] for each in there.json("backup", "list", "--from", backup["location"])["backups"]] == [backup["id"]]
    operation = there.json("backup", "restore", "--from", backup["location"])
    assert (operation["tenant"], operation["status"]) == ("acme", "done")
    assert held(other, "acme") == everywhere(OLD)
    assert there.json("health", "acme")["healthy"]


def test_a_lost_home_with_another_passphrase(changed: Cli, tmp_path: Path) -> None:
    (backup,) = changed.json("backup", "list")["backups"]
    other = Machine(tmp_path / "other")
    other.places = changed.machine.places
    passphrase = other.home / "backup.passphrase"
    passphrase.write_text("something else entirely\n")
    passphrase.chmod(0o600)
    there = Cli(other)
    assert there.json("backup", "restore", "--from", backup["location"], code=1)["error"]["code"] == "wrong_passphrase"
    assert there.json("tenant", "list") == {"tenants": []}
    assert other.left_on_engine() == []


def test_a_partial_set_is_refused_unless_what_it_has_is_named(acme: Cli) -> None:
    fill(acme.machine, "acme", **OLD)
    with failing(acme, "redis"):
        id = acme.json("backup", "create", "acme", "--allow-partial")["id"]
    fill(acme.machine, "acme", **NEW)
    error = acme.json("backup", "restore", "acme", id, "--yes", code=4)["error"]
    assert "it has no redis" in error["message"]
    assert "--only mysql --only postgresql" in error["hint"]
    assert acme.json("backup", "restore", "acme", id, "--only", "mysql", "--only", "postgresql", "--yes")["status"] == "done"
    assert held(acme.machine, "acme") == {"mysql": OLD, "redis": NEW, "postgresql": OLD}


def test_a_set_of_another_edition_is_refused(changed: Cli) -> None:
    (backup,) = changed.json("backup", "list")["backups"]
    assert changed("tenant", "delete", "acme", "--no-backup", "--yes").code == 0
    assert changed("tenant", "create", "acme", "--edition", "pro", "--profile", "lite").code == 0
    error = changed.json("backup", "restore", "acme", backup["id"], "--yes", code=4)["error"]
    assert "is of edition basic, acme is pro" in error["message"]
    assert "--as NEW" in error["hint"]


def test_what_cannot_be_is_refused_before_anything_is_asked(changed: Cli) -> None:
    result = changed("backup", "restore", "acme", "--only", "neo4j", terminal=True, answer="y\n", NO_COLOR="1")
    assert result.code == 3
    assert "[y/N]" not in result.err


def test_a_restore_that_does_not_compare_leaves_the_tenant_as_it_was(changed: Cli) -> None:
    before = changed.json("tenant", "show", "acme")
    changed.machine.stores.damaged.add("mysql")
    error = changed.json("backup", "restore", "acme", "--yes", code=1)["error"]
    assert "mysql" in error["message"]
    after = changed.json("tenant", "show", "acme")
    assert {**after, "last_backup": None, "updated_at": None} == {**before, "last_backup": None, "updated_at": None}
    assert held(changed.machine, "acme") == everywhere(NEW)
    assert changed.json("health", "acme")["healthy"]


@pytest.mark.parametrize(
    ("arguments", "code", "error"),
    [
        ([], 2, "usage"),
        (["Acme"], 2, "invalid_name"),
        (["acme", "BK 1"], 2, "invalid_name"),
        (["nobody"], 3, "not_found"),
        (["acme", "bk-0000000000"], 3, "not_found"),
        (["acme", "--only", "neo4j", "--yes"], 3, "not_found"),
        (["acme", "--only", "../x", "--yes"], 2, "invalid_name"),
        (["acme", "--host", "mars", "--yes"], 3, "not_found"),
        (["acme", "--host", "a/b", "--yes"], 2, "invalid_name"),
        (["acme", "--keep", "soon", "--yes"], 2, "invalid_value"),
        (["acme", "--keep", "-1h", "--yes"], 2, "invalid_value"),
        (["acme", "--as", "Copy"], 2, "invalid_name"),
        (["acme", "--as", "looma-core"], 4, "already_exists"),
        (["--from", ""], 2, "invalid_value"),
        (["--from", "ftp:somewhere"], 2, "invalid_value"),
        (["--from", "/nowhere"], 3, "not_found"),
        (["acme", "--wait", "soon", "--yes"], 2, "invalid_value"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_input(changed: Cli, arguments: list[str], code: int, error: str) -> None:
    result = changed.json("backup", "restore", *arguments, code=code)["error"]
    assert result["code"] == error
    assert result["message"]
    assert result["hint"]
    assert held(changed.machine, "acme") == everywhere(NEW)
    assert [tenant["name"] for tenant in changed.json("tenant", "list")["tenants"]] == ["acme"]
    assert len(changed.json("backup", "list")["backups"]) == 1
