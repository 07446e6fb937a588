"""``looma state rebuild`` as a person and as a script have it."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Cli


@pytest.fixture
def lost(acme: Cli) -> Cli:
    acme.machine.lose_state()
    return acme


def test_rebuild_reports_what_came_back(lost: Cli) -> None:
    document = lost.json("state", "rebuild", "--yes")
    assert [tenant["name"] for tenant in document["rebuilt"]] == ["acme"]
    assert (document["skipped"], document["problems"]) == ([], [])
    assert [tenant["name"] for tenant in lost.json("tenant", "list")["tenants"]] == ["acme"]
    again = lost.json("state", "rebuild", "--yes")
    assert again["skipped"] == [{"tenant": "acme", "detail": "already in the state"}]


def test_a_dry_run_prints_the_plan(lost: Cli) -> None:
    changes = lost.json("state", "rebuild", "--dry-run")["plan"]["changes"]
    assert changes[-1].startswith("+ tenant acme: basic")
    assert "+ tenant acme: basic" in lost("state", "rebuild", "--dry-run").out
    assert lost.json("tenant", "list") == {"tenants": []}


def test_a_person_is_asked_and_a_script_must_say_yes(lost: Cli) -> None:
    assert lost.json("state", "rebuild", code=2)["error"]["code"] == "confirmation_required"
    refused = lost("state", "rebuild", terminal=True, answer="n\n")
    assert refused.code == 1
    assert "Take over 3 records from what runs?" in refused.err
    assert lost.json("tenant", "list") == {"tenants": []}
    done = lost("state", "rebuild", terminal=True, answer="y\n")
    assert done.code == 0
    assert "Rebuilt" in done.out


def test_what_could_not_be_known_is_said_with_exit_code_5(lost: Cli) -> None:
    lost.machine.daemon.containers["looma-acme-app-g1-user-service-1"].state = "exited"
    result = lost("state", "rebuild", "--yes")
    assert result.code == 5
    assert "To look after" in result.out
    assert "not running: user-service" in result.out


def test_an_installation_is_checked_before_anything_is_asked(lost: Cli) -> None:
    assert lost.json("state", "rebuild", "--installation", "$(id)", code=2)["error"]["code"] == "invalid_name"
    assert lost.json("state", "rebuild", "--installation", "ffffffffffff", code=3)["error"]["code"] == "not_found"
