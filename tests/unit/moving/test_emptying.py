"""Hosts that are drained while they run, and hosts that are gone: where their tenants are afterwards, and what is said of the others."""

from __future__ import annotations

from pathlib import Path

import pytest

from looma_cli.errors import LoomaError, NotAllowed, NotFound, Paused
from looma_cli.model.move import MoveRequest
from tests.stored import fill, held
from tests.worlds import Machine, lite

ROWS = {store: {"a": "1"} for store in ("mysql", "redis", "postgresql")}
NAMES = ("acme", "beta")


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """Two tenants on host b, a third host beside; nobody on local but looma."""
    machine = Machine(tmp_path / "home", {"LOOMA_BACKUP_REPOSITORY": "/backups"})
    machine.add_host("b", "10.0.0.2")
    machine.add_host("c", "10.0.0.3")
    for name in NAMES:
        machine.looma().tenants.create(lite(name, host="b"))
        fill(machine, name, a="1")
    machine.clock.sleep(60)
    return machine


def places(machine: Machine) -> dict[str, tuple[str, str]]:
    return {tenant.name: (tenant.host, tenant.status) for tenant in machine.looma().tenants.list()}


def drain(machine: Machine, to: str | None = "c", **options: int) -> dict[str, str]:
    drains = machine.looma().drains
    return {result.name: result.status for result in drains.drain(drains.plan("b", to), **options).run()}


def evacuate(machine: Machine, to: str | None = "c") -> dict[str, str]:
    evacuations = machine.looma().evacuations
    return {result.name: result.status for result in evacuations.evacuate(evacuations.plan("b", to)).run()}


def cordoned(machine: Machine, host: str) -> bool:
    with machine.world().store.read() as state:
        return state.host(host).cordoned


# --- drain ------------------------------------------------------------------------------------------------------------


def test_everybody_leaves_and_nobody_comes(machine: Machine) -> None:
    assert drain(machine) == {"acme": "done", "beta": "done"}
    assert places(machine) == {"acme": ("c", "running"), "beta": ("c", "running")}
    assert [held(machine, name) for name in NAMES] == [ROWS, ROWS]
    assert cordoned(machine, "b")
    assert machine.looma().health.check(list(NAMES)).healthy
    assert machine.looma().state.audit().ok


def test_placement_chooses_among_the_others(machine: Machine) -> None:
    assert set(drain(machine, None).values()) == {"done"}
    assert {host for host, _ in places(machine).values()} <= {"local", "c"}


def test_a_dry_run_says_who_goes_and_changes_nothing(machine: Machine) -> None:
    machine.looma().tenants.stop("beta")
    before = places(machine)
    drains = machine.looma().drains
    plan = drains.shown(drains.plan("b", "c"))
    assert plan.changes == ("~ host b takes no new tenants", "~ acme: b -> c")
    assert plan.warnings == ("beta stays: it is stopped: only what serves can be moved",)
    assert (places(machine), cordoned(machine, "b")) == (before, False)


def test_what_does_not_serve_stays_with_a_reason(machine: Machine) -> None:
    machine.looma().tenants.stop("beta")
    assert drain(machine) == {"acme": "done"}
    assert places(machine) == {"acme": ("c", "running"), "beta": ("b", "stopped")}


def test_no_more_are_begun_than_may_fail(machine: Machine) -> None:
    machine.sites["c"].daemon.memory_bytes = 64 << 20
    drains = machine.looma().drains
    under_way = drains.drain(drains.plan("b", "c"))
    assert {result.name: result.status for result in under_way.run()} == {"acme": "failed", "beta": "not_begun"}
    assert under_way.stopped == "1 failed, and --max-failures is 0"
    assert places(machine) == dict.fromkeys(NAMES, ("b", "running"))


def test_one_that_fails_keeps_no_other_from_moving_within_the_budget(machine: Machine) -> None:
    machine.sites["c"].engine.fail_on("start", LoomaError("it does not start", "look"))
    assert drain(machine, max_failures=1) == {"acme": "failed", "beta": "done"}
    assert places(machine) == {"acme": ("b", "running"), "beta": ("c", "running")}


def test_the_same_command_goes_on_with_what_was_interrupted(machine: Machine) -> None:
    machine.sites["b"].edge.on_settle = machine.sites["c"].cut
    with pytest.raises(Paused):
        machine.looma().moves.move(MoveRequest("acme", "c", safety=False))
    machine.sites["b"].edge.on_settle = lambda: None
    machine.sites["c"].back()
    (paused,) = machine.looma().operations.list()
    plan = machine.looma().drains.plan("b", "c")
    assert [(member.name, member.operation) for member in plan.members] == [("acme", paused.id), ("beta", None)]
    assert drain(machine) == {"acme": "done", "beta": "done"}
    assert machine.looma().operations.show(paused.id).status == "done"
    assert places(machine) == dict.fromkeys(NAMES, ("c", "running"))


@pytest.mark.parametrize(("host", "to", "error"), [("nowhere", None, NotFound), ("b", "b", NotAllowed), ("b", "nowhere", NotFound)])
def test_no_drain_of_nowhere_or_to_itself(machine: Machine, host: str, to: str | None, error: type[LoomaError]) -> None:
    with pytest.raises(error):
        machine.looma().drains.plan(host, to)


def test_a_move_without_a_host_goes_where_there_is_room(machine: Machine) -> None:
    with machine.world().store.write() as state:
        from dataclasses import replace

        from looma_cli.model.host import Capacity

        for name in ("local", "b", "c"):
            record = next((one for one in state.hosts() if one.name == name), None)
            if record is not None:
                state.save_host(replace(record, declared=Capacity(64, 512 << 30, 1 << 40)))
    machine.looma().hosts.cordon("local", cordoned=True)
    machine.looma().moves.move(MoveRequest("acme", None, safety=False))
    assert places(machine)["acme"] == ("c", "running")
    with machine.world().store.read() as state:
        assert [one.host for one in state.reservations("acme")] == ["c"]


# --- evacuate ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def gone(machine: Machine) -> Machine:
    """Host b is cut off: acme has a backup, beta has none; acme has been written to since."""
    machine.looma().backups.create("acme")
    machine.clock.sleep(7200)
    fill(machine, "acme", a="1", late="x")
    machine.sites["b"].cut()
    return machine


def test_who_has_a_backup_comes_back_and_who_has_none_is_named(gone: Machine) -> None:
    evacuations = gone.looma().evacuations
    shown = evacuations.shown(evacuations.plan("b", "c"))
    assert shown.changes[1] == "~ acme: b -> c, from its backup of 2 h ago (never proven)"
    assert shown.warnings == ("beta is not recoverable: it has no complete backup",)
    assert evacuate(gone) == {"acme": "done"}
    assert places(gone) == {"acme": ("c", "running"), "beta": ("b", "running")}
    assert held(gone, "acme") == ROWS
    assert gone.looma().health.check(["acme"]).healthy
    assert gone.ask("c", gone.looma().tenants.show("acme").public_port, method="POST")[0] == "c"


def test_what_is_left_behind_is_listed_when_the_host_is_back_and_removed_when_asked(gone: Machine) -> None:
    evacuate(gone)
    before = gone.sites["b"].daemon.containers.copy()
    gone.sites["b"].back()
    assert gone.sites["b"].daemon.containers == before  # nothing was done to what could not be seen
    findings = [one for one in gone.looma().state.audit().unknown if one.tenant == "acme"]
    assert {one.kind for one in findings} == {"container", "volume", "network", "route"}
    assert all("looma edition finalize acme" in one.detail for one in findings if one.kind == "container")
    gone.looma().switches.finalize("acme")
    assert not any("acme" in name for name in gone.left_on_engine("b"))
    assert [one for one in gone.looma().state.audit().unknown if one.tenant == "acme"] == []
    assert gone.looma().health.check(["beta"]).healthy


def test_letting_go_of_a_host_that_is_still_away_leaves_nothing_half_done(gone: Machine) -> None:
    evacuate(gone)
    with pytest.raises(LoomaError, match="no container engine answers"):
        gone.looma().switches.finalize("acme")
    assert gone.looma().operations.list() == []


def test_an_operation_that_waited_for_the_host_is_over(machine: Machine) -> None:
    machine.looma().backups.create("acme")
    machine.sites["b"].edge.on_settle = machine.sites["b"].cut
    with pytest.raises(Paused):
        machine.looma().moves.move(MoveRequest("acme", "c", safety=False))
    (paused,) = machine.looma().operations.list()
    assert evacuate(machine, "local") == {"acme": "done"}
    assert machine.looma().operations.show(paused.id).status == "failed"
    assert places(machine)["acme"] == ("local", "running")
    assert held(machine, "acme") == ROWS
    machine.sites["b"].back()
    machine.looma().switches.finalize("acme")
    for host in ("b", "c"):  # what the move had begun on the other one, too
        assert not any("acme" in name for name in machine.left_on_engine(host))
    assert [one for one in machine.looma().state.audit().unknown if one.tenant == "acme"] == []


def test_a_suspended_tenant_stays_suspended(machine: Machine) -> None:
    machine.looma().backups.create("acme")
    machine.looma().tenants.suspend("acme")
    machine.sites["b"].cut()
    assert evacuate(machine) == {"acme": "done"}
    assert places(machine)["acme"] == ("c", "suspended")


def test_one_that_does_not_come_back_is_put_back_and_may_be_tried_again(gone: Machine) -> None:
    gone.sites["c"].engine.fail_on("start", LoomaError("it does not start", "look"))
    assert evacuate(gone) == {"acme": "failed"}
    assert places(gone)["acme"] == ("b", "running")
    assert gone.left_on_engine("c") == []
    assert evacuate(gone) == {"acme": "done"}


@pytest.mark.parametrize("host", ["b", "local"])
def test_a_host_that_answers_is_not_evacuated(machine: Machine, host: str) -> None:
    with pytest.raises(NotAllowed) as refused:
        machine.looma().evacuations.plan(host)
    assert "looma host drain" in refused.value.hint
