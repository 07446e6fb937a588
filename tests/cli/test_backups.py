"""``looma backup``: taking, looking at and proving backups, as text and as JSON."""

from __future__ import annotations

from dataclasses import replace

import pytest

from looma_cli.errors import EngineUnavailable
from tests.cli.backups import failing, only_backup, with_backup
from tests.cli.conftest import Cli
from tests.stored import fill

KEYS = [
    "id", "tenant", "kind", "created_at", "size_bytes", "stored_bytes", "datastores", "edition", "release", "verified_at", "location",
    "missing", "restore_ms", "problem",
]  # fmt: skip


def test_create_prints_the_backup(acme: Cli) -> None:
    fill(acme.machine, "acme", a="1", b="2")
    backup = acme.json("backup", "create", "acme", "--kind", "incremental")
    assert list(backup) == KEYS
    assert (backup["tenant"], backup["kind"], backup["edition"], backup["release"]) == ("acme", "incremental", "basic", "1.5.0")
    assert [(store["name"], store["rows"]) for store in backup["datastores"]] == [("mysql", 2), ("redis", 2), ("postgresql", 2)]
    assert set(backup["datastores"][0]) == {"name", "fingerprint", "rows"}
    assert len(backup["datastores"][0]["fingerprint"]) == 16
    assert (backup["verified_at"], backup["missing"], backup["problem"]) == (None, [], "")
    assert backup["created_at"].endswith("Z")
    assert backup["location"] == f"{acme.machine.home}/backups/acme"
    assert acme.json("backup", "list") == {"backups": [backup]}


def test_create_says_what_it_holds_and_what_to_type_next(acme: Cli) -> None:
    fill(acme.machine, "acme", a="1")
    result = acme("backup", "create", "acme", terminal=True, COLUMNS="80", NO_COLOR="1")
    assert result.code == 0
    id = only_backup(acme)["id"]
    assert result.out.startswith(f"{id}  acme  ● complete\n")
    assert "3 rows in mysql, redis, postgresql" in result.out
    assert f"Next: looma backup verify {id}" in result.err


def test_create_says_once_that_a_passphrase_was_made(acme: Cli) -> None:
    assert "keep a copy of it elsewhere" in acme("backup", "create", "acme").err
    assert "keep a copy of it elsewhere" not in acme("backup", "create", "acme").err


def test_create_dry_run_prints_the_plan_and_saves_nothing(acme: Cli) -> None:
    plan = acme.json("backup", "create", "acme", "--dry-run")["plan"]
    assert (plan["kind"], plan["tenant"]) == ("backup.create", "acme")
    assert acme.json("backup", "list") == {"backups": []}
    assert not acme.machine.places[f"{acme.machine.home}/backups/acme"].stored


def test_a_store_that_fails_fails_the_backup(acme: Cli) -> None:
    with failing(acme, "redis"):
        error = acme.json("backup", "create", "acme", code=1)["error"]
    assert "redis" in error["message"]
    assert (error["code"], error["details"]["cause"]) == ("operation_failed", "backup_failed")
    assert acme.json("backup", "list") == {"backups": []}
    assert acme.json("health", "acme")["healthy"]


def test_a_partial_backup_says_so_everywhere(acme: Cli) -> None:
    with failing(acme, "redis"):
        backup = acme.json("backup", "create", "acme", "--allow-partial")
    assert backup["missing"] == ["redis"]
    assert [store["name"] for store in backup["datastores"]] == ["mysql", "postgresql"]
    assert "partial: lacks redis" in acme("backup", "list").out
    shown = acme("backup", "show", backup["id"]).out
    assert shown.startswith(f"{backup['id']}  acme  ● partial\n")
    assert "lacks     redis" in shown


def test_list_is_newest_first_and_calm_at_80_and_60_columns(acme: Cli) -> None:
    first = with_backup(acme, a="1")
    acme.machine.clock.sleep(3600)
    second = acme.json("backup", "create", "acme", "--kind", "incremental")
    assert [backup["id"] for backup in acme.json("backup", "list", "acme")["backups"]] == [second["id"], first["id"]]
    head, *rows = acme("backup", "list", terminal=True, COLUMNS="80", NO_COLOR="1").out.splitlines()
    assert head.split() == ["ID", "TENANT", "KIND", "AGE", "SIZE", "STORED", "PROVEN"]
    assert [row.split()[:3] for row in rows] == [[second["id"], "acme", "incremental"], [first["id"], "acme", "full"]]
    assert all(row.endswith("never") for row in rows)
    head, *rows = acme("backup", "list", terminal=True, COLUMNS="60", NO_COLOR="1").out.splitlines()
    assert {"ID", "TENANT", "AGE", "PROVEN"} <= set(head.split())
    assert max(map(len, [head, *rows])) <= 60


def test_list_wraps_what_is_wrong_beside_the_row(acme: Cli) -> None:
    with_backup(acme, a="1")
    acme.machine.stores.damaged.add("mysql")
    acme("backup", "verify", "acme")
    for width in (60, 80):
        lines = acme("backup", "list", terminal=True, COLUMNS=str(width), NO_COLOR="1").out.splitlines()
        assert max(map(len, lines)) <= width
        assert "● failed" in lines[1]
        assert "missing" in " ".join(lines) or "0 rows instead of 1" in " ".join(" ".join(lines).split())


def test_list_of_nothing_and_of_nobody(acme: Cli) -> None:
    result = acme("backup", "list")
    assert (result.code, result.out) == (0, "")
    assert result.err == "There are no backups yet.\nNext: looma backup create TENANT\n"
    assert acme.json("backup", "list", "acme") == {"backups": []}
    assert acme.json("backup", "list", "nobody", code=3)["error"]["code"] == "not_found"


def test_backups_of_a_deleted_tenant_stay_listed(acme: Cli) -> None:
    backup = with_backup(acme, a="1")
    assert acme("tenant", "delete", "acme", "--no-backup", "--yes").code == 0
    assert [each["id"] for each in acme.json("backup", "list", "acme")["backups"]] == [backup["id"]]


def test_list_from_a_repository_needs_no_state(acme: Cli) -> None:
    backup = with_backup(acme, a="1")
    assert acme.json("backup", "list", "--from", backup["location"]) == {"backups": [backup]}
    assert acme.json("backup", "list", "acme", "--from", f"{acme.machine.home}/backups") == {"backups": [backup]}
    assert acme.json("backup", "list", "--from", "/nowhere", code=3)["error"]["code"] == "not_found"


def test_show_has_engine_version_position_and_parts(acme: Cli) -> None:
    backup = with_backup(acme, a="1")
    shown = acme.json("backup", "show", backup["id"])
    mysql = shown["datastores"][0]
    assert {key: mysql[key] for key in ("name", "engine", "version", "position", "rows")} == {
        "name": "mysql", "engine": "mysql", "version": "1.0", "position": {"offset": "1"}, "rows": 1,
    }  # fmt: skip
    assert [(part["name"], part["rows"]) for part in mysql["parts"]] == [("table records", 1)]
    assert {**shown, "datastores": backup["datastores"]} == backup
    text = acme("backup", "show", backup["id"]).out
    for word in ("mysql 1.0", mysql["fingerprint"], "offset=1", "table records", mysql["parts"][0]["checksum"], backup["location"]):
        assert word in text


@pytest.mark.parametrize("width", [60, 80])
def test_show_names_store_part_and_rows_at_any_width(acme: Cli, width: int) -> None:
    long = "table a_schema.with_a_very_long_name_as_they_happen_to_be"
    acme.machine.stores.replace("looma-acme-data-g1_mysql-data", {long.removeprefix("table "): {"a": "1"}})
    id = acme.json("backup", "create", "acme")["id"]
    lines = acme("backup", "show", id, terminal=True, COLUMNS=str(width), NO_COLOR="1").out.splitlines()
    assert max(map(len, lines)) <= width
    head = next(number for number, line in enumerate(lines) if line.split() == ["DATASTORE", "PART", "ROWS", "CHECKSUM"])
    assert lines[head + 1].startswith("mysql      table a_schema.with_a")
    assert next(line for line in lines if line.startswith("  mysql ")).split() == ["mysql", "offset=1"]


@pytest.mark.parametrize("by", ["id", "tenant"])
def test_verify_prints_the_backup_with_its_proof(acme: Cli, by: str) -> None:
    backup = with_backup(acme, a="1")
    before = acme.machine.left_on_engine()
    proven = acme.json("backup", "verify", backup["id"] if by == "id" else "acme")
    assert (proven["id"], proven["problem"]) == (backup["id"], "")
    assert proven["verified_at"].endswith("Z")
    assert isinstance(proven["restore_ms"], int)
    assert acme.machine.left_on_engine() == before
    assert acme.json("tenant", "show", "acme")["last_proof"] == proven["verified_at"]
    assert acme("backup", "show", backup["id"]).out.startswith(f"{backup['id']}  acme  ● proven\n")


def test_verify_of_a_tenant_takes_the_newest_complete_one(acme: Cli) -> None:
    complete = with_backup(acme, a="1")
    acme.machine.clock.sleep(60)
    with failing(acme, "redis"):
        acme.json("backup", "create", "acme", "--allow-partial")
    assert acme.json("backup", "verify", "acme")["id"] == complete["id"]


def test_verify_reads_every_byte_and_quick_only_the_structure(acme: Cli) -> None:
    backup = with_backup(acme, a="1")
    every = acme.json("backup", "verify", backup["id"], "--dry-run")["plan"]
    quick = acme.json("backup", "verify", backup["id"], "--quick", "--dry-run")["plan"]
    steps = [next(step for step in plan["steps"] if step["name"] == "check-repository") for plan in (every, quick)]
    assert [step["params"]["quick"] for step in steps] == [False, True]
    assert acme.json("backup", "show", backup["id"])["verified_at"] is None


def test_a_proof_that_fails_is_an_error_and_stays_visible(acme: Cli) -> None:
    backup = with_backup(acme, a="1")
    acme.machine.stores.damaged.add("postgresql")
    error = acme.json("backup", "verify", backup["id"], code=1)["error"]
    assert "postgresql" in error["message"]
    problem = acme.json("backup", "list")["backups"][0]["problem"]
    assert "postgresql" in problem
    assert "put back" not in problem
    assert "not proven" in acme("backup", "show", backup["id"]).out


def test_a_flipped_byte_fails_the_proof(acme: Cli) -> None:
    backup = with_backup(acme, a="1")
    acme.machine.places[backup["location"]].damaged = True
    assert acme.json("backup", "verify", "acme", code=1)["error"]["code"] == "repository_damaged"
    assert acme("backup", "verify", "acme").out == ""


def test_drill_proves_each_tenant_and_sums_up(acme: Cli) -> None:
    with_backup(acme, a="1")
    assert acme("tenant", "create", "beta", "--edition", "basic", "--profile", "lite").code == 0
    with_backup(acme, tenant="beta", b="2")
    plan = acme.json("backup", "drill", "--dry-run")["plan"]
    assert len(plan["changes"]) == 2
    result = acme("backup", "drill", "--budget", "1h")
    assert result.code == 0
    assert {"acme: proven", "beta: proven"} <= set(result.err.splitlines())
    assert result.out.endswith("\n2 proven, 0 failed\n")
    assert all(backup["verified_at"] for backup in acme.json("backup", "list")["backups"])


def test_drill_goes_on_after_a_failure_and_exits_5(acme: Cli) -> None:
    with_backup(acme, a="1")
    assert acme("tenant", "create", "beta", "--edition", "basic", "--profile", "lite").code == 0
    broken = with_backup(acme, tenant="beta", b="2")
    acme.machine.places[broken["location"]].damaged = True
    results = {each["tenant"]: each for each in acme.json("backup", "drill", code=5)["results"]}
    assert (results["acme"]["status"], results["acme"]["error"]) == ("proven", None)
    assert results["acme"]["backup"]["verified_at"]
    assert (results["beta"]["status"], results["beta"]["backup"]) == ("failed", None)
    assert results["beta"]["error"]["message"]
    assert acme("backup", "drill").out.endswith("1 proven, 1 failed\n")


def test_drill_goes_on_after_a_pause_and_exits_8(acme: Cli) -> None:
    with_backup(acme, a="1")
    assert acme("tenant", "create", "beta", "--edition", "basic", "--profile", "lite").code == 0
    with_backup(acme, tenant="beta", b="2")
    gone = EngineUnavailable("the engine went away", "start it")
    acme.machine.engine.fail_on("start", gone, layer="data")
    result = acme("backup", "drill")
    assert result.code == 8
    assert result.out.endswith("\n1 proven, 0 failed, 1 paused\n")
    acme.machine.engine.fail_on("start", gone, layer="data")
    broken = acme.json("backup", "list", "beta")["backups"][0]["location"]
    acme.machine.places[broken].damaged = True
    results = {each["tenant"]: each for each in acme.json("backup", "drill", code=8)["results"]}
    assert {name: each["status"] for name, each in results.items()} == {"acme": "paused", "beta": "failed"}
    assert results["acme"]["error"]["code"] == "paused"
    acme.machine.places[broken].damaged = False
    assert acme("backup", "drill").out.endswith("\n2 proven, 0 failed\n")
    assert acme.json("operation", "list") == {"operations": []}


def test_a_proof_under_way_is_seen_where_its_tenant_is(acme: Cli) -> None:
    with_backup(acme, a="1")
    acme.machine.engine.fail_on("start", EngineUnavailable("the engine went away", "start it"), layer="data")
    paused = acme.json("backup", "verify", "acme", code=8)["error"]
    (operation,) = acme.json("operation", "list", "--tenant", "acme")["operations"]
    assert (operation["kind"], operation["tenant"], operation["status"]) == ("backup.verify", "acme", "paused")
    assert operation["id"] in paused["hint"]
    assert acme.json("status", "acme")["operations"] == [operation]
    for command in (["operation", "list"], ["status"], ["tenant", "show", "acme"]):
        row = next(line for line in acme(*command).out.splitlines() if operation["id"] in line)
        assert row.split()[1:3] == ["backup.verify", "acme"]
    assert "stack   " in acme("operation", "show", operation["id"]).out
    assert "looma-scratch" not in acme("operation", "list").out
    assert acme.json("tenant", "stop", "acme")["status"] == "stopped"


def test_list_of_a_place_shows_a_newer_releases_set_as_a_line(acme: Cli) -> None:
    older = with_backup(acme, a="1")
    acme.machine.clock.sleep(60)
    newer = with_backup(acme, a="2")
    place = acme.machine.places[newer["location"]]
    for key, one in place.stored.items():
        if one.snapshot.tags["set"] == newer["id"] and one.snapshot.tags["part"] == "manifest":
            tags = {**one.snapshot.tags, "format": "99", "by": "looma 9.0"}
            place.stored[key] = replace(one, snapshot=replace(one.snapshot, tags=tags))
    found = acme.json("backup", "list", "--from", newer["location"])["backups"]
    assert [one["id"] for one in found] == [newer["id"], older["id"]]
    assert found[1] == older
    assert list(found[0]) == KEYS
    assert "newer looma" in found[0]["problem"]
    for width in ("60", "100"):
        lines = acme("backup", "list", "--from", newer["location"], terminal=True, COLUMNS=width, NO_COLOR="1").out.splitlines()
        assert "unknown" in next(line for line in lines if newer["id"] in line)
        assert "newer" in " ".join(lines)
        assert all(len(line) <= int(width) for line in lines)


def test_drill_of_nothing(cli: Cli) -> None:
    result = cli("backup", "drill")
    assert (result.code, result.out) == (0, "")
    assert "nothing to prove" in result.err
    assert cli.json("backup", "drill") == {"results": []}


def test_status_shows_the_age_of_the_last_backup_and_proof(acme: Cli) -> None:
    assert acme("status", terminal=True, COLUMNS="80", NO_COLOR="1").out.splitlines()[1].split().count("never") >= 2
    with_backup(acme, a="1")
    acme.json("backup", "verify", "acme")
    for width in ("60", "80"):
        head, row = acme("status", terminal=True, COLUMNS=width, NO_COLOR="1").out.splitlines()[:2]
        ages = [row[head.index(title) :].split("  ")[0] for title in ("BACKUP", "PROVEN")]
        assert "never" not in ages
        assert "" not in ages
    tenant = acme.json("status")["tenants"][0]
    assert tenant["last_backup"]
    assert tenant["last_proof"]
    assert "last proof" in acme("tenant", "show", "acme").out
