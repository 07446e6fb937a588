"""What goes wrong beside looma while a tenant changes its edition or release: it serves on as it was, and the user is told why."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from looma_cli.errors import OperationFailed, Paused
from looma_cli.steps.following import CompareFollowers
from looma_cli.wiring import Looma
from tests.crash.switches import PUBLIC_PORT, Used, assert_nothing_lost, assert_parted, data_layer, picture, request, switched, tenant
from tests.fakes.failing import Killed


def killed_when(machine: Used, condition: Callable[[], object], verb: Callable[[Looma], object]) -> str:
    """Kill looma at the first deed after which this is so; returns the id of what it was doing."""

    def watch() -> None:
        if machine.death.at is None and condition():
            machine.death.at = machine.death.deeds

    looma, machine.watch = machine.process(), watch
    with pytest.raises(Killed):
        verb(looma)
    machine.watch = lambda: None
    return machine.process().operations.list()[0].id


def follows(machine: Used) -> Callable[[], bool]:
    return lambda: len(machine.stores.replication.leaders) == 2


def moved(machine: Used, project: str) -> Callable[[], bool]:
    return lambda: (container := machine.routed()) is not None and container.project == project


def leader(machine: Used) -> object:
    return machine.daemon.containers["looma-acme-data-g1-mysql-1"]


def test_a_leader_that_ended_is_started_and_let_go_on_the_way_back(tmp_path: Path) -> None:
    machine = tenant(tmp_path / "home")
    old = picture(machine)
    id = killed_when(machine, follows(machine), lambda looma: looma.switches.switch(request()))
    leader(machine).state = "exited"  # type: ignore[attr-defined]
    assert machine.process().operations.rollback(id).status == "rolled_back"
    assert picture(machine) == old
    assert_parted(machine)
    assert_nothing_lost(machine, 1)


def test_all_that_a_killed_engine_has_stopped_serves_again_after_the_way_back(tmp_path: Path) -> None:
    machine = tenant(tmp_path / "home")
    old = picture(machine)
    id = killed_when(machine, follows(machine), lambda looma: looma.switches.switch(request()))
    for container in machine.daemon.containers.values():
        container.state = "exited"
    assert machine.process().operations.rollback(id).status == "rolled_back"
    assert picture(machine) == old
    assert machine.process().health.check(["acme"]).healthy
    assert_parted(machine)
    assert_nothing_lost(machine, 1)


def test_writers_that_a_killed_comparison_holds_are_free_before_anything_is_taken_down(tmp_path: Path) -> None:
    machine = tenant(tmp_path / "home")
    id = killed_when(machine, follows(machine), lambda looma: looma.switches.switch(request()))
    operation = machine.process().operations.show(id)
    step = next(index for index, one in enumerate(operation.plan.steps) if one.name == CompareFollowers.name)
    with machine.world().store.write() as state:
        state.mark_step(id, step, "started", at=machine.clock.now())
    machine.stores.held.append("looma-acme-data-g1_mysql-data")
    machine.engine.fail_on("remove", OperationFailed("the engine is busy", "try again"))
    with pytest.raises(Exception, match="could not be put back yet"):
        machine.process().operations.rollback(id)
    assert machine.stores.held == []
    machine.process().operations.rollback(id)
    assert_parted(machine)


@pytest.mark.parametrize("data", ["clone", "reuse"])
def test_a_moved_route_is_back_on_the_old_layers_before_writes_go_on_or_the_new_ones_end(tmp_path: Path, data: str) -> None:
    machine = tenant(tmp_path / "home")
    old = picture(machine)
    id = killed_when(machine, moved(machine, "looma-acme-app-g2"), lambda looma: looma.switches.switch(request(data=data)))
    machine.process().operations.rollback(id)
    assert (picture(machine), machine.complaints) == (old, [])
    assert_nothing_lost(machine, 1)


def test_a_moved_route_of_a_rollback_is_back_before_writes_go_on(tmp_path: Path) -> None:
    machine = switched(tmp_path / "home")
    old = picture(machine)
    id = killed_when(machine, moved(machine, "looma-acme-app-g1"), lambda looma: looma.switches.rollback("acme"))
    machine.process().operations.rollback(id)
    assert (picture(machine), machine.complaints) == (old, [])
    assert_nothing_lost(machine, 2)


def test_a_target_that_gets_unhealthy_in_the_freeze_is_given_up_within_twenty_seconds(tmp_path: Path) -> None:
    machine = tenant(tmp_path / "home")
    old = picture(machine)
    frozen: list[float] = []
    thawed: list[float] = []

    def watch() -> None:
        if machine.edge.mode("acme") == "frozen":
            frozen.append(machine.clock.now().timestamp())
            machine.engine.unhealthy.add("job-service")
        elif frozen and not thawed:
            thawed.append(machine.clock.now().timestamp())
            machine.engine.unhealthy.clear()

    machine.watch = watch
    with pytest.raises(OperationFailed, match="job-service"):
        machine.process().switches.switch(request())
    assert 20 <= thawed[0] - frozen[0] < 25
    assert (picture(machine), machine.complaints) == (old, [])
    assert_parted(machine)


@pytest.mark.parametrize("what", ["switch", "upgrade"])
def test_a_migrate_that_fails_leaves_all_as_it_was_and_shows_its_last_words(tmp_path: Path, what: str) -> None:
    machine = tenant(tmp_path / "home")
    old = picture(machine)
    machine.engine.jobs["user-service"] = (3, "adding a column\nduplicate column 'x'\n")
    looma = machine.process()
    verb = (lambda: looma.switches.switch(request())) if what == "switch" else (lambda: looma.upgrades.upgrade("acme", "1.4.1"))
    with pytest.raises(OperationFailed, match="ended with exit code 3: duplicate column 'x'") as caught:
        verb()
    assert caught.value.details["log"] == ["adding a column", "duplicate column 'x'"]
    assert (picture(machine), machine.complaints) == (old, [])
    assert_parted(machine)
    assert_nothing_lost(machine, 1)


def test_a_migrate_that_writers_wait_for_too_long_is_ended_and_all_is_as_it_was(tmp_path: Path) -> None:
    machine = tenant(tmp_path / "home")
    old = picture(machine)
    machine.engine.jobs["user-service"] = (0, "rewriting a large table\n")
    machine.engine.jobs.seconds["user-service"] = 45
    with pytest.raises(OperationFailed, match="it had 30 s, and writes were refused all the time") as caught:
        machine.process().switches.switch(request())
    assert "--freeze-limit" in caught.value.hint
    assert (caught.value.details["cause"], caught.value.details["limit_seconds"]) == ("timed_out", 30)
    assert caught.value.details["log"] == ["rewriting a large table"]
    assert (picture(machine), machine.complaints) == (old, [])
    assert_parted(machine)
    assert_nothing_lost(machine, 1)
    machine.process().switches.switch(request(freeze_seconds=60))
    assert machine.process().tenants.show("acme").edition == "pro"
    assert machine.complaints == []


def test_a_migrate_that_nobody_waits_for_may_take_its_time(tmp_path: Path) -> None:
    machine = tenant(tmp_path / "home")
    machine.engine.jobs.seconds["user-service"] = 500
    machine.process().upgrades.upgrade("acme", "1.4.1")
    assert machine.process().tenants.show("acme").release == "1.4.1"
    machine.engine.jobs.seconds["user-service"] = 700
    with pytest.raises(OperationFailed, match="it had 600 s") as caught:
        machine.process().switches.switch(request(data="reuse"))
    assert "--freeze-limit" not in caught.value.hint


def test_a_release_that_ends_says_how(tmp_path: Path) -> None:
    machine = tenant(tmp_path / "home")
    old = picture(machine)
    machine.engine.exits["job-service"] = 137
    with pytest.raises(OperationFailed, match="job-service ended with exit code 137") as caught:
        machine.process().upgrades.upgrade("acme", "1.4.1")
    machine.engine.exits.clear()
    assert caught.value.details["component"] == "job-service"
    assert (caught.value.details["exit_code"], caught.value.details["out_of_memory"]) == (137, False)
    assert (picture(machine), machine.complaints) == (old, [])


def test_a_store_that_stops_following_in_the_freeze_is_given_up_at_once(tmp_path: Path) -> None:
    machine = tenant(tmp_path / "home")
    old = picture(machine)

    def watch() -> None:
        if machine.edge.mode("acme") == "frozen":
            machine.stores.replication.broken["mysql"] = "Error 1062"

    machine.watch = watch
    with pytest.raises(OperationFailed, match="mysql follows no more: Error 1062"):
        machine.process().switches.switch(request())
    assert (picture(machine), machine.complaints) == (old, [])
    assert_nothing_lost(machine, 1)


@pytest.mark.parametrize("way", ["resume", "rollback"])
def test_an_edge_that_ends_while_it_is_frozen_serves_again_afterwards(tmp_path: Path, way: str) -> None:
    machine = tenant(tmp_path / "home")
    id = killed_when(machine, lambda: machine.edge.mode("acme") == "frozen", lambda looma: looma.switches.switch(request()))
    machine.edge.stop()
    getattr(machine.process().operations, way)(id)
    assert machine.edge.answer(PUBLIC_PORT, method="POST").status == 200
    assert machine.routed().project == f"looma-acme-app-g{2 if way == 'resume' else 1}"
    assert machine.complaints == []


def test_an_edge_whose_port_was_taken_meanwhile_is_one_clear_error(tmp_path: Path) -> None:
    machine = tenant(tmp_path / "home")
    old = picture(machine)
    id = killed_when(machine, lambda: machine.edge.mode("acme") == "frozen", lambda looma: looma.switches.switch(request()))
    machine.edge.stop()
    machine.daemon.foreign_ports.add(("0.0.0.0", 80))
    for _ in range(2):
        with pytest.raises(Paused, match="could not be put back yet: port 80 is taken on the host by something else"):
            machine.process().operations.rollback(id)
    machine.daemon.foreign_ports.clear()
    machine.process().operations.rollback(id)
    assert (picture(machine), machine.complaints) == (old, [])
    assert_nothing_lost(machine, 1)


def test_a_tenant_can_be_stopped_though_the_edge_cannot_start(tmp_path: Path) -> None:
    machine = tenant(tmp_path / "home")
    machine.edge.stop()
    machine.daemon.foreign_ports.add(("0.0.0.0", 80))
    machine.process().tenants.stop("acme")
    assert machine.process().tenants.show("acme").status == "stopped"


def test_a_rollback_comes_back_to_the_edition_that_was_left_last_however_long_each_is_kept(tmp_path: Path) -> None:
    machine = switched(tmp_path / "home", keep_seconds=36_000)
    machine.clock.sleep(60)
    machine.process().switches.switch(request("flagship", keep_seconds=3600))
    assert machine.process().switches.way_back("acme").edition == "pro"
    machine.process().switches.rollback("acme")
    assert machine.process().tenants.show("acme").edition == "pro"
    assert data_layer(machine) == 2
    assert machine.complaints == []


def test_a_rollback_needs_nothing_of_the_datastores_that_it_leaves(tmp_path: Path) -> None:
    machine = switched(tmp_path / "home")
    machine.daemon.containers["looma-acme-data-g2-mysql-1"].state = "exited"
    lost = machine.process().switches.lost("acme")
    assert lost["mysql"] is None
    assert lost["postgresql"] is not None
    machine.process().switches.rollback("acme")
    assert (machine.process().tenants.show("acme").edition, data_layer(machine)) == ("basic", 1)


def test_everything_can_be_looked_at_while_a_switch_waits(tmp_path: Path) -> None:
    machine = switched(tmp_path / "home")
    killed_when(machine, follows(machine), lambda looma: looma.switches.switch(request("basic")))
    looma = machine.process()
    assert looma.tenants.show("acme").status == "switching"
    assert looma.health.check(["acme"]).healthy
    assert looma.state.audit().missing == ()
    assert [one.status for one in looma.operations.list()] == ["interrupted"]
    looma.status.tenant("acme", live=True)
    looma.doctor.check()


def test_a_state_that_is_rebuilt_after_a_switch_knows_the_edition_that_serves(tmp_path: Path) -> None:
    machine = switched(tmp_path / "home")
    machine.lose_state()
    machine.process().state.rebuild()
    assert (machine.process().tenants.show("acme").edition, data_layer(machine)) == ("pro", 2)
    assert machine.process().state.audit().ok
