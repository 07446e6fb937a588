"""``looma tenant move``, ``host drain`` and ``host evacuate``: what they print, ask and refuse."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Cli
from tests.stored import fill, held
from tests.worlds import Machine

ROWS = {store: {"a": "1"} for store in ("mysql", "redis", "postgresql")}


@pytest.fixture
def hosts(cli: Cli) -> Cli:
    """Host b with tenant acme, and host c."""
    machine: Machine = cli.machine
    machine.add_host("b", "10.0.0.2")
    machine.add_host("c", "10.0.0.3")
    cli.json("tenant", "create", "acme", "--edition", "basic", "--profile", "lite", "--host", "b")
    fill(machine, "acme", a="1")
    machine.clock.sleep(60)
    return cli


def place(cli: Cli) -> str:
    return cli.json("tenant", "show", "acme")["host"]


def test_a_move_prints_the_operation_with_the_freeze(hosts: Cli) -> None:
    operation = hosts.json("tenant", "move", "acme", "--host", "c")
    assert (operation["kind"], operation["tenant"], operation["status"]) == ("tenant.move", "acme", "done")
    assert operation["result"]["write_freeze_ms"] >= 0
    tenant = hosts.json("tenant", "show", "acme")
    assert (tenant["host"], tenant["url"], tenant["status"]) == ("c", "http://10.0.0.3:30000", "running")
    assert held(hosts.machine, "acme") == ROWS


def test_a_person_sees_what_to_type_next(hosts: Cli) -> None:
    result = hosts("tenant", "move", "acme", "--host", "c", "--no-backup", terminal=True, NO_COLOR="1")
    assert result.code == 0
    assert "looma edition finalize acme" in result.err


def test_a_dry_run_prints_the_plan_and_moves_nobody(hosts: Cli) -> None:
    plan = hosts.json("tenant", "move", "acme", "--host", "c", "--dry-run")["plan"]
    assert (plan["kind"], plan["tenant"]) == ("tenant.move", "acme")
    assert {"follow-store", "forward-route", "change-generation"} <= {step["name"] for step in plan["steps"]}
    assert plan["changes"][0] == "~ acme: b -> c"
    assert "~ url http://10.0.0.2:30000 -> http://10.0.0.3:30000" in plan["changes"]
    assert place(hosts) == "b"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["nobody", "--host", "c"], 3),
        (["acme", "--host", "nowhere"], 3),
        (["acme", "--host", "b"], 4),
        (["acme", "--host", "NO SUCH"], 2),
        (["acme", "--host", "c", "--keep", "soon"], 2),
        (["--host", "c"], 2),
    ],
)
def test_a_move_that_makes_no_sense_is_refused(hosts: Cli, arguments: list[str], code: int) -> None:
    result = hosts("tenant", "move", *arguments, "-o", "json")
    assert (result.code, place(hosts)) == (code, "b")
    assert result.error["message"]
    assert result.error["hint"]


def test_a_cordoned_an_unreachable_and_a_full_host_are_told_apart(hosts: Cli) -> None:
    machine = hosts.machine
    hosts.json("host", "cordon", "c")
    cordoned = hosts("tenant", "move", "acme", "--host", "c", "-o", "json")
    hosts.json("host", "uncordon", "c")
    machine.sites["c"].daemon.memory_bytes = 64 << 20
    full = hosts("tenant", "move", "acme", "--host", "c", "-o", "json")
    machine.sites["c"].cut()
    away = hosts("tenant", "move", "acme", "--host", "c", "-o", "json")
    assert [one.code for one in (cordoned, full, away)] == [4, 4, 7]
    assert [one.error["code"] for one in (cordoned, full, away)] == ["not_allowed", "conflict", "host_unreachable"]
    assert place(hosts) == "b"


def test_a_taken_public_port_is_named_with_the_way_around(hosts: Cli) -> None:
    hosts.machine.sites["c"].daemon.foreign_ports.add(("0.0.0.0", 30000))
    refused = hosts("tenant", "move", "acme", "--host", "c", "-o", "json")
    assert (refused.code, refused.error["code"]) == (4, "port_taken")
    assert "--new-public-port" in refused.error["hint"]
    hosts.json("tenant", "move", "acme", "--host", "c", "--new-public-port")
    assert hosts.json("tenant", "show", "acme")["public_port"] == 30001


def test_a_drain_tells_of_each_tenant(hosts: Cli) -> None:
    hosts.json("tenant", "create", "beta", "--edition", "basic", "--profile", "lite", "--host", "b")
    hosts.json("tenant", "stop", "beta")
    drained = hosts.json("host", "drain", "b", "--to", "c")["drain"]
    assert [(one["name"], one["status"], one["from"], one["to"]) for one in drained["tenants"]] == [("acme", "done", "b", "c")]
    assert [(one["name"], one["status"]) for one in drained["left_out"]] == [("beta", "left_out")]
    assert (drained["stopped"], drained["summary"]["done"]) == (None, 1)
    assert place(hosts) == "c"


def test_a_drain_for_people_and_its_plan(hosts: Cli) -> None:
    planned = hosts("host", "drain", "b", "--to", "c", "--dry-run")
    assert (planned.code, place(hosts)) == (0, "b")
    assert "~ acme: b -> c" in planned.out
    result = hosts("host", "drain", "b", "--to", "c")
    assert result.code == 0
    assert "b: 1 done" in result.out


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["nowhere"], 3),
        (["b", "--to", "b"], 4),
        (["b", "--to", "nowhere"], 3),
        (["b", "--parallel", "0"], 2),
        (["b", "--parallel", "17"], 2),
        (["b", "--max-failures", "-1"], 2),
    ],
)
def test_a_drain_that_makes_no_sense_is_refused(hosts: Cli, arguments: list[str], code: int) -> None:
    assert hosts("host", "drain", *arguments, "-o", "json").code == code
    assert place(hosts) == "b"


def test_a_drain_whose_moves_fail_says_so_by_its_exit_code(hosts: Cli) -> None:
    hosts.machine.sites["c"].daemon.memory_bytes = 64 << 20
    result = hosts("host", "drain", "b", "--to", "c", "-o", "json")
    assert (result.code, result.document["drain"]["summary"]["failed"], place(hosts)) == (1, 1, "b")


def test_an_evacuation_asks_and_says_how_old_each_backup_is(hosts: Cli) -> None:
    hosts.json("backup", "create", "acme")
    hosts.machine.clock.sleep(3 * 3600)
    hosts.machine.sites["b"].cut()
    asked = hosts("host", "evacuate", "b", "--to", "c", terminal=True, answer="n\n")
    assert "from its backup of 3 h ago (never proven)" in asked.err
    assert (asked.code != 0, place(hosts)) == (True, "b")
    alone = hosts("host", "evacuate", "b", "--to", "c", "-o", "json")
    assert (alone.code, alone.error["code"], place(hosts)) == (2, "confirmation_required", "b")
    done = hosts.json("host", "evacuate", "b", "--to", "c", "--yes")["drain"]
    assert [(one["name"], one["status"], one["to"]) for one in done["tenants"]] == [("acme", "done", "c")]
    assert place(hosts) == "c"
    assert held(hosts.machine, "acme") == ROWS


def test_who_cannot_come_back_is_named_and_left(hosts: Cli) -> None:
    hosts.machine.sites["b"].cut()
    result = hosts("host", "evacuate", "b", "--to", "c", "--yes", "-o", "json")
    assert (result.code, place(hosts)) == (1, "b")
    (left,) = result.document["drain"]["left_out"]
    assert (left["name"], left["reason"]) == ("acme", "it has no complete backup")


def test_a_host_that_answers_is_not_evacuated(hosts: Cli) -> None:
    result = hosts("host", "evacuate", "b", "--yes", "-o", "json")
    assert (result.code, result.error["code"]) == (4, "not_allowed")
    assert "looma host drain b" in result.error["hint"]
