"""``looma backup prune`` and ``copy``, and what bad input to the verbs of ``backup`` gets."""

from __future__ import annotations

import pytest

from tests.cli.backups import with_backup
from tests.cli.conftest import LITE, Cli
from tests.stored import held

DAY = 24 * 3600.0


@pytest.fixture
def aged(acme: Cli) -> Cli:
    """``acme`` has three backups, a day between each."""
    for row in "abc":
        with_backup(acme, **{row: "1"})
        acme.machine.clock.sleep(DAY)
    return acme


def ids(cli: Cli, tenant: str = "acme") -> list[str]:
    return [backup["id"] for backup in cli.json("backup", "list", tenant)["backups"]]


def test_prune_forgets_what_the_policy_does_not_keep(aged: Cli) -> None:
    newest, middle, oldest = ids(aged)
    results = aged.json("backup", "prune", "acme", "--keep-last", "1", "--yes")["results"]
    assert [(each["tenant"], each["status"], set(each["backups"]), each["error"]) for each in results] == [
        ("acme", "pruned", {middle, oldest}, None)
    ]
    assert ids(aged) == [newest]
    tags = {stored.snapshot.tags["set"] for stored in aged.machine.places[f"{aged.machine.home}/backups/acme"].stored.values()}
    assert tags == {newest}


def test_prune_keeps_the_last_proven_one(aged: Cli) -> None:
    newest, _, oldest = ids(aged)
    aged.json("backup", "verify", oldest)
    aged.json("backup", "prune", "acme", "--keep-last", "1", "--yes")
    assert ids(aged) == [newest, oldest]


def test_prune_without_a_policy_keeps_thirty_days(aged: Cli) -> None:
    assert aged.json("backup", "prune", "--yes")["results"][0]["backups"] == []
    aged.machine.clock.sleep(29 * DAY)
    newest = with_backup(aged, d="1")["id"]
    result = aged("backup", "prune", "--yes")
    assert "forgotten" in result.out
    assert ids(aged)[0] == newest
    assert len(ids(aged)) < 4


def test_prune_dry_run_names_what_would_go(aged: Cli) -> None:
    _, middle, oldest = before = ids(aged)
    plan = aged.json("backup", "prune", "--keep-last", "1", "--dry-run")["plan"]
    assert plan["kind"] == "backup.prune"
    assert all(any(id in change for change in plan["changes"]) for id in (middle, oldest))
    assert ids(aged) == before
    assert "nothing to do" in aged("backup", "prune", "--dry-run").out


def test_prune_asks(aged: Cli) -> None:
    before = ids(aged)
    refused = aged("backup", "prune", "--keep-last", "1", terminal=True, answer="n\n", NO_COLOR="1")
    assert refused.code == 1
    asked = f"Forget 2 backups of acme in {aged.machine.home}/backups/acme? There is no way back. [y/N]"
    assert asked in " ".join(refused.err.split())
    assert aged.json("backup", "prune", "--keep-last", "1", code=2)["error"]["code"] == "confirmation_required"
    assert ids(aged) == before
    assert aged("backup", "prune", "--keep-last", "9").code == 0, "nothing to ask about"


def test_prune_looks_through_the_second_place_as_well(aged: Cli) -> None:
    newest, *others = ids(aged)
    there = {"LOOMA_BACKUP_COPY": "/mnt/elsewhere"}
    aged.json("backup", "copy", **there)
    results = aged.json("backup", "prune", "--keep-last", "1", "--yes", **there)["results"]
    assert [(each["location"], set(each["backups"])) for each in results] == [
        (f"{aged.machine.home}/backups/acme", set(others)),
        ("/mnt/elsewhere/acme", set(others)),
    ]
    assert [one["id"] for one in aged.json("backup", "list", "--from", "/mnt/elsewhere/acme")["backups"]] == [newest]
    assert "2 backups forgotten in" not in aged("backup", "prune", "--keep-last", "1", "--yes", **there).out


def test_prune_of_a_place_that_is_named(aged: Cli) -> None:
    newest, *_ = everything = ids(aged)
    aged.json("backup", "copy", "--to", "/mnt/elsewhere")
    refused = aged("backup", "prune", "--from", "/mnt/elsewhere/acme", "--keep-last", "1", terminal=True, answer="n\n", NO_COLOR="1")
    assert "Forget 2 backups of acme in /mnt/elsewhere/acme?" in " ".join(refused.err.split())
    (result,) = aged.json("backup", "prune", "acme", "--from", "/mnt/elsewhere", "--keep-last", "1", "--yes")["results"]
    assert (result["tenant"], len(result["backups"])) == ("acme", 2)
    assert [one["id"] for one in aged.json("backup", "list", "--from", "/mnt/elsewhere/acme")["backups"]] == [newest]
    assert ids(aged) == everything
    assert aged.json("backup", "prune", "--from", "/mnt/nowhere", "--yes", code=3)["error"]["code"] == "not_found"


def test_prune_of_sets_that_the_state_has_lost(aged: Cli) -> None:
    newest, *others = ids(aged)
    with aged.machine.world().store.write() as state:
        for id in (newest, *others):
            state.remove_backup(id)
    (result,) = aged.json("backup", "prune", "--keep-last", "1", "--yes")["results"]
    assert set(result["backups"]) == set(others)
    (result,) = aged.json("backup", "prune", "acme", "--keep-last", "1", "--yes")["results"]
    assert result["backups"] == []


def test_prune_of_all_goes_on_after_one_that_fails(aged: Cli) -> None:
    assert aged("tenant", "create", "beta", *LITE).code == 0
    broken = with_backup(aged, tenant="beta", b="2")
    place = aged.machine.places[broken["location"]]
    place.reachable = False
    results = {each["tenant"]: each for each in aged.json("backup", "prune", "--keep-last", "1", "--yes", code=1)["results"]}
    assert results["beta"]["error"]["code"] == "repository_unreachable"
    assert len(results["acme"]["backups"]) == 2
    assert aged.json("backup", "prune", "beta", "--yes", code=7)["error"]["code"] == "repository_unreachable"


def test_copy_has_all_sets_in_a_second_place(aged: Cli) -> None:
    everything = ids(aged)
    (result,) = aged.json("backup", "copy", "--to", "/mnt/elsewhere")["results"]
    assert (result["tenant"], result["status"], result["location"]) == ("acme", "copied", "/mnt/elsewhere/acme")
    assert set(result["backups"]) == set(everything)
    there = aged.json("backup", "list", "--from", "/mnt/elsewhere/acme")["backups"]
    assert [backup["id"] for backup in there] == everything
    assert {backup["location"] for backup in there} == {"/mnt/elsewhere/acme"}
    assert aged("tenant", "delete", "acme", "--no-backup", "--yes").code == 0
    assert aged.json("backup", "restore", "--from", "/mnt/elsewhere/acme")["status"] == "done"
    assert held(aged.machine, "acme")["mysql"] == {"c": "1"}


def test_copy_goes_where_the_settings_say(aged: Cli) -> None:
    result = aged.json("backup", "copy", "acme", LOOMA_BACKUP_COPY="sftp:backup@nas.example:/looma")["results"][0]
    assert result["location"] == "sftp:backup@nas.example:/looma/acme"
    error = aged.json("backup", "copy", code=2)["error"]
    assert error["code"] == "usage"
    assert "LOOMA_BACKUP_COPY" in error["hint"]


def test_copy_dry_run_copies_nothing(aged: Cli) -> None:
    plan = aged.json("backup", "copy", "--to", "/mnt/elsewhere", "--dry-run")["plan"]
    assert len(plan["changes"]) == 3
    assert not aged.machine.places["/mnt/elsewhere/acme"].stored


def test_copy_onto_itself_is_refused(aged: Cli) -> None:
    assert aged.json("backup", "copy", "acme", "--to", f"{aged.machine.home}/backups", code=4)["error"]["code"] == "not_allowed"


def test_a_folder_is_taken_as_it_is_seen_from_here(aged: Cli) -> None:
    from pathlib import Path

    (result,) = aged.json("backup", "copy", "--to", "elsewhere")["results"]
    assert result["location"] == str(Path.cwd() / "elsewhere" / "acme")


@pytest.mark.parametrize("verb", ["prune", "copy"])
def test_keeping_of_nothing_and_of_nobody(acme: Cli, verb: str) -> None:
    more = ["--to", "/mnt/elsewhere"] if verb == "copy" else ["--yes"]
    result = acme("backup", verb, *more)
    assert (result.code, result.out, result.err) == (0, "", "There are no backups yet.\n")
    assert acme.json("backup", verb, "nobody", *more, code=3)["error"]["code"] == "not_found"


@pytest.mark.parametrize(
    ("arguments", "code", "error"),
    [
        (["create", "nobody"], 3, "not_found"),
        (["create", "Acme"], 2, "invalid_name"),
        (["create"], 2, "usage"),
        (["create", "acme", "--kind", "half"], 2, "invalid_value"),
        (["create", "acme", "--wait", "soon"], 2, "invalid_value"),
        (["show", "bk-0000000000"], 3, "not_found"),
        (["show", "../x"], 2, "invalid_name"),
        (["show", "bk\n1"], 2, "invalid_name"),
        (["verify", "bk-0000000000"], 3, "not_found"),
        (["verify", "nobody"], 3, "not_found"),
        (["verify", "acme"], 3, "not_found"),
        (["verify", "-"], 2, "invalid_name"),
        (["list", "A"], 2, "invalid_name"),
        (["list", "--from", "http://x"], 2, "invalid_value"),
        (["drill", "--budget", "long"], 2, "invalid_value"),
        (["prune", "--keep-last", "-1"], 2, "invalid_value"),
        (["prune", "--keep-daily", "many"], 2, "invalid_value"),
        (["prune", "--keep-within", "30"], 2, "invalid_value"),
        (["prune", "--keep-within", "0d"], 2, "invalid_value"),
        (["prune", "--keep-within", "d"], 2, "invalid_value"),
        (["prune", "--keep-last", "0"], 2, "invalid_value"),
        (["copy", "--to", " "], 2, "invalid_value"),
        (["copy", "--to", "a\nb"], 2, "invalid_value"),
        (["copy", "--to=--password-command=x"], 2, "invalid_value"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_input(acme: Cli, arguments: list[str], code: int, error: str) -> None:
    result = acme("backup", *arguments, "-o", "json")
    assert (result.code, result.error["code"]) == (code, error), result
    assert result.error["message"]
    assert result.error["hint"]
    text = acme("backup", *arguments)
    assert (text.code, text.out) == (code, "")
    assert len(text.err.splitlines()) == 2
    assert acme.json("backup", "list") == {"backups": []}
