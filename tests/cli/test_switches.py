"""``looma edition switch/rollback/finalize`` and ``looma tenant upgrade/rollback``: what they print, ask and refuse."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Cli
from tests.stored import STORES, fill, held

ROWS = {"a": "1", "b": "2"}


@pytest.fixture
def filled(acme: Cli) -> Cli:
    fill(acme.machine, "acme", **ROWS)
    acme.machine.clock.sleep(60)
    return acme


@pytest.fixture
def switched(filled: Cli) -> Cli:
    filled.json("edition", "switch", "acme", "pro")
    fill(filled.machine, "acme", **ROWS, c="3")
    return filled


def everywhere(**rows: str) -> dict[str, dict[str, str]]:
    return dict.fromkeys(STORES, rows)


def test_a_switch_prints_the_operation_with_the_freeze(filled: Cli) -> None:
    operation = filled.json("edition", "switch", "acme", "pro")
    assert (operation["kind"], operation["tenant"], operation["status"]) == ("edition.switch", "acme", "done")
    assert operation["result"]["write_freeze_ms"] >= 0
    tenant = filled.json("tenant", "show", "acme")
    assert (tenant["edition"], tenant["status"], tenant["generations"]) == ("pro", "running", {"data": 2, "app": 2})
    assert held(filled.machine, "acme") == everywhere(**ROWS)


def test_a_person_sees_the_steps_and_what_to_type_next(filled: Cli) -> None:
    result = filled("edition", "switch", "acme", "pro", "--keep", "24h", terminal=True, NO_COLOR="1")
    assert result.code == 0
    assert "Let mysql follow" in result.out
    assert "looma edition rollback acme within 24h" in result.err


def test_a_dry_run_prints_the_plan(filled: Cli) -> None:
    plan = filled.json("edition", "switch", "acme", "dao", "--data", "reuse", "--dry-run")["plan"]
    assert plan["kind"] == "edition.switch"
    assert "~ acme: basic 1.5.0 -> dao 1.5.0" in plan["changes"]
    assert filled.json("tenant", "show", "acme")["edition"] == "basic"


@pytest.mark.parametrize(
    ("arguments", "code", "error"),
    [
        (("acme", "basic"), 4, "not_allowed"),
        (("acme", "enterprise"), 3, "not_found"),
        (("nobody", "pro"), 3, "not_found"),
        (("acme", "pro", "--release", "9.9.9"), 3, "not_found"),
        (("acme", "pro", "--data", "copy"), 2, "invalid_value"),
        (("acme", "pro", "--keep", "soon"), 2, "invalid_value"),
        (("acme", "looma-core"), 4, "not_allowed"),
        (("acme", "Pro;rm"), 2, "invalid_name"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_touched(filled: Cli, arguments: tuple[str, ...], code: int, error: str) -> None:
    result = filled("edition", "switch", *arguments, "-o", "json")
    assert (result.code, result.error["code"]) == (code, error)
    assert result.error["hint"]
    assert filled.json("operation", "list", "--all")["operations"][0]["kind"] == "tenant.create"


def test_a_stopped_tenant_is_told_what_it_needs(filled: Cli) -> None:
    filled("tenant", "stop", "acme")
    result = filled("edition", "switch", "acme", "pro", "-o", "json")
    assert (result.code, result.error["code"]) == (4, "not_allowed")
    assert "running" in result.error["message"]


def test_a_rollback_asks_with_what_would_be_lost(switched: Cli) -> None:
    result = switched("edition", "rollback", "acme", terminal=True, answer="n\n", NO_COLOR="1")
    assert result.code == 1
    assert "mysql: about 1 writes since the cut-over will not be there" in result.err
    assert "Move tenant acme back to basic 1.5.0 as it was left? [y/N]" in result.err
    assert switched.json("tenant", "show", "acme")["edition"] == "pro"
    refused = switched("edition", "rollback", "acme", "-o", "json")
    assert (refused.code, refused.error["code"]) == (2, "confirmation_required")
    operation = switched.json("edition", "rollback", "acme", "--yes")
    assert (operation["kind"], operation["status"]) == ("edition.rollback", "done")
    assert held(switched.machine, "acme") == everywhere(**ROWS)


def test_a_rollback_that_carries_never_asks(switched: Cli) -> None:
    assert switched.json("edition", "rollback", "acme", "--carry")["kind"] == "edition.switch"
    assert held(switched.machine, "acme") == everywhere(**ROWS, c="3")
    assert switched.json("tenant", "show", "acme")["edition"] == "basic"


def test_finalize_asks_and_then_there_is_no_way_back(switched: Cli) -> None:
    assert switched("edition", "finalize", "acme", "-o", "json").code == 2
    assert switched.json("edition", "finalize", "acme", "--yes")["kind"] == "tenant.retire"
    result = switched("edition", "rollback", "acme", "--yes", "-o", "json")
    assert result.code == 4
    assert "looma edition switch acme" in result.error["hint"]


def test_upgrade_and_rollback_print_the_tenant(filled: Cli) -> None:
    assert filled.json("tenant", "upgrade", "acme", "--release", "1.4.2")["release"] == "1.4.2"
    filled.machine.clock.sleep(60)
    assert filled.json("tenant", "rollback", "acme")["release"] == "1.5.0"
    plan = filled.json("tenant", "upgrade", "acme", "--release", "1.4.1", "--dry-run")["plan"]
    assert plan["warnings"] == ["1.4.1 is older than 1.5.0: what 1.5.0 did to the data stays"]


@pytest.mark.parametrize(("release", "code"), [("1.5.0", 4), ("9.9.9", 3), ("1.5.0;x", 2)])
def test_releases_that_make_no_sense(filled: Cli, release: str, code: int) -> None:
    assert filled("tenant", "upgrade", "acme", "--release", release, "-o", "json").code == code


def test_a_broken_release_says_how_its_container_ended(filled: Cli) -> None:
    filled.machine.engine.jobs["basic-server"] = (4, "moving\nno such column\n")
    result = filled("tenant", "upgrade", "acme", "--release", "1.4.2", "-o", "json")
    assert result.code == 1
    assert "exit code 4: no such column (everything was put back)" in result.error["message"]
    assert filled.json("tenant", "show", "acme")["release"] == "1.5.0"
    assert filled.json("health", "acme")["healthy"]
