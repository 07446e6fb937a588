"""Switches and the ways back, run on fakes: what the tenant is afterwards, and what is left."""

from __future__ import annotations

import pytest

from looma_cli.errors import LoomaError, NotAllowed, OperationFailed
from looma_cli.model.operation import Plan, measured
from looma_cli.model.switch import SwitchRequest
from looma_cli.model.tenant import Tenant
from looma_cli.usecases.restoring import RestoreRequest
from tests.stored import fill, held
from tests.worlds import Machine

BEFORE = {store: {"a": "1", "b": "2"} for store in ("mysql", "redis", "postgresql")}


def request(edition: str = "pro", **more: object) -> SwitchRequest:
    return SwitchRequest("acme", edition, **more)  # type: ignore[arg-type]


def acme(machine: Machine) -> Tenant:
    return machine.looma().tenants.show("acme")


def kept(machine: Machine) -> list[str]:
    with machine.world().store.read() as state:
        return sorted(one.reference.project for one in state.kept_layers())


def assert_serves(machine: Machine, edition: str, rows: dict[str, dict[str, str]] = BEFORE) -> None:
    """As that edition, wholly: record, route, containers, data, and nothing that follows or waits."""
    tenant = acme(machine)
    assert (tenant.edition, tenant.status) == (edition, "running")
    assert held(machine, "acme") == rows
    answer = machine.edge.answer(tenant.public_port, method="POST")
    assert answer is not None
    assert (answer.status, answer.service) == (200, machine.catalog.edition(edition).entry)
    assert machine.looma().health.check(["acme"]).healthy
    assert machine.looma().state.audit().ok
    assert machine.stores.held == []
    assert machine.stores.replication.prepared == set()


def test_a_switch_brings_everything_along(machine: Machine) -> None:
    operation = machine.looma().switches.switch(request())
    assert operation.status == "done"
    assert_serves(machine, "pro")
    tenant = acme(machine)
    assert (tenant.data_generation, tenant.app_generation) == (2, 2)
    assert kept(machine) == ["looma-acme-app-g1", "looma-acme-data-g1"]
    assert {w.state for w in machine.engine.workloads("acme") if w.reference and w.reference.generation == 1} == {"exited"}
    assert "write_freeze_ms" in measured(operation)


def test_what_is_written_while_the_new_stores_follow_comes_along(machine: Machine) -> None:
    written: list[str] = []

    def write() -> None:
        for store in BEFORE:
            machine.stores.write(f"looma-acme-data-g1_{store}-data", "records", "late")
        written.append(machine.edge.mode("acme"))

    machine.edge.on_settle = write  # what is under way when the freeze begins
    machine.looma().switches.switch(request())
    assert written == ["frozen"]
    assert_serves(machine, "pro", {store: {**rows, "late": "x"} for store, rows in BEFORE.items()})


def test_settings_hostname_and_secrets_follow(machine: Machine) -> None:
    from looma_cli.model.requests import UpdateRequest

    machine.looma().tenants.update(UpdateRequest("acme", hostname="acme.example.com", settings={"LEVEL": "debug"}))
    machine.looma().switches.switch(request())
    assert_serves(machine, "pro")
    tenant = acme(machine)
    assert (tenant.hostname, dict(tenant.settings), tenant.public_port) == ("acme.example.com", {"LEVEL": "debug"}, 30000)
    rendered = machine.looma().stacks.render("acme")
    assert '"LEVEL": "debug"' in rendered["app-g2/compose.yaml"] or "LEVEL: debug" in rendered["app-g2/compose.yaml"]
    with machine.world().store.read() as state:
        assert "mysql_password" in state.secrets("acme")


def test_reuse_keeps_the_data_layer(machine: Machine) -> None:
    machine.looma().switches.switch(request("dao", data="reuse"))
    assert_serves(machine, "dao")
    assert (acme(machine).data_generation, acme(machine).app_generation) == (1, 2)
    assert kept(machine) == ["looma-acme-app-g1"]


def test_a_dry_run_changes_nothing(machine: Machine) -> None:
    before = machine.left_on_engine(), machine.left_in_state(), machine.left_in_files()
    plan = machine.looma().switches.switch(request(), dry_run=True)
    assert isinstance(plan, Plan)
    assert (machine.left_on_engine(), machine.left_in_state(), machine.left_in_files()) == before


@pytest.mark.parametrize("data", ["clone", "reuse"])
@pytest.mark.parametrize("method", ["start", "run_once"])
def test_a_target_that_does_not_start_leaves_the_old_edition_serving(machine: Machine, method: str, data: str) -> None:
    before = machine.left_on_engine()
    machine.engine.fail_on(method, LoomaError("it does not start", "look"))
    with pytest.raises(OperationFailed, match="everything was put back"):
        machine.looma().switches.switch(request(data=data, safety=False))
    assert_serves(machine, "basic")
    assert machine.left_on_engine() == before


def test_a_target_that_is_never_healthy_is_put_back_out_of_the_freeze(machine: Machine) -> None:
    machine.engine.unhealthy.add("api-gateway")
    with pytest.raises(OperationFailed, match="api-gateway"):
        machine.looma().switches.switch(request(safety=False))
    machine.engine.unhealthy.clear()
    assert_serves(machine, "basic")


def test_a_store_that_cannot_follow_is_put_back(machine: Machine) -> None:
    machine.stores.replication.obstacles["redis"] = "the leader is newer"
    with pytest.raises(OperationFailed, match="redis cannot follow: the leader is newer"):
        machine.looma().switches.switch(request(safety=False))
    assert_serves(machine, "basic")


def test_a_write_that_does_not_end_is_no_loss(machine: Machine) -> None:
    machine.edge.settles = False
    with pytest.raises(OperationFailed, match="did not end"):
        machine.looma().switches.switch(request(safety=False))
    assert_serves(machine, "basic")


# --- the ways back ----------------------------------------------------------------------------------------------------


def test_a_rollback_serves_the_old_data_and_says_what_is_lost(machine: Machine) -> None:
    machine.looma().switches.switch(request())
    fill(machine, "acme", a="1", b="2", c="3")
    assert machine.looma().switches.lost("acme") == {"mysql": 1, "redis": 1, "postgresql": 1}
    plan = machine.looma().switches.rollback("acme", dry_run=True)
    assert "mysql: about 1 writes since the cut-over will not be there" in plan.warnings  # type: ignore[union-attr]
    machine.looma().switches.rollback("acme")
    assert_serves(machine, "basic")
    assert kept(machine) == ["looma-acme-app-g2", "looma-acme-data-g2"]


def test_what_a_restore_after_the_switch_would_lose_is_not_known(machine: Machine) -> None:
    backup = machine.looma().switches.switch(request()) and machine.looma().backups.create("acme")
    fill(machine, "acme", c="3")
    machine.looma().restores.restore(RestoreRequest("acme", backup.id))  # type: ignore[union-attr]
    assert machine.looma().switches.lost("acme") == {"mysql": None, "redis": None, "postgresql": None}
    plan = machine.looma().switches.rollback("acme", dry_run=True)
    assert "mysql: what was written since the cut-over will not be there" in plan.warnings  # type: ignore[union-attr]


def test_what_was_written_before_a_server_was_started_again_is_not_known(machine: Machine) -> None:
    machine.looma().switches.switch(request())
    fill(machine, "acme", a="1", b="2", c="3")
    machine.engine.restart(acme(machine).layer("data"), "redis")
    assert machine.looma().switches.lost("acme") == {"mysql": 1, "redis": None, "postgresql": 1}


def test_a_rollback_of_a_rollback_is_forward_again(machine: Machine) -> None:
    machine.looma().switches.switch(request())
    fill(machine, "acme", c="3")
    machine.looma().switches.rollback("acme")
    machine.looma().switches.rollback("acme")
    assert_serves(machine, "pro", {store: {"c": "3"} for store in BEFORE})


def test_a_rollback_that_carries_brings_the_newer_data(machine: Machine) -> None:
    machine.looma().switches.switch(request())
    fill(machine, "acme", c="3")
    machine.looma().switches.rollback("acme", carry=True)
    assert_serves(machine, "basic", {store: {"c": "3"} for store in BEFORE})
    assert acme(machine).data_generation == 3


def test_a_rollback_of_a_reuse_loses_nothing(machine: Machine) -> None:
    machine.looma().switches.switch(request("dao", data="reuse"))
    fill(machine, "acme", c="3")
    assert machine.looma().switches.lost("acme") == {}
    machine.looma().switches.rollback("acme")
    assert_serves(machine, "basic", {store: {"c": "3"} for store in BEFORE})


def test_after_the_keep_time_there_is_no_way_back_but_a_switch(machine: Machine) -> None:
    machine.looma().switches.switch(request())
    machine.looma().switches.finalize("acme")
    assert kept(machine) == []
    assert not any("-g1" in name for name in machine.left_on_engine())
    with pytest.raises(NotAllowed, match="nothing of an earlier edition"):
        machine.looma().switches.rollback("acme")
    with pytest.raises(NotAllowed, match="keeps no layers"):
        machine.looma().switches.finalize("acme")
    machine.looma().switches.switch(request("basic"))
    assert_serves(machine, "basic")


def test_layers_whose_time_is_over_go_with_the_next_switch(machine: Machine) -> None:
    machine.looma().switches.switch(request())
    machine.clock.sleep(7200)
    machine.looma().switches.switch(request("dao"))
    assert kept(machine) == ["looma-acme-app-g2", "looma-acme-data-g2"]
    assert not any("-g1" in name for name in machine.left_on_engine())
    assert_serves(machine, "dao")


# --- upgrades ---------------------------------------------------------------------------------------------------------


def test_an_upgrade_replaces_the_app_layer_alone(machine: Machine) -> None:
    machine.looma().upgrades.upgrade("acme", "1.4.2")
    assert_serves(machine, "basic")
    tenant = acme(machine)
    assert (tenant.release, tenant.data_generation, tenant.app_generation) == ("1.4.2", 1, 2)
    assert not any("app-g1" in name for name in machine.left_on_engine())
    assert kept(machine) == []


def test_back_to_the_release_before_and_forward_again(machine: Machine) -> None:
    machine.looma().upgrades.upgrade("acme", "1.4.2")
    for release in ("1.5.0", "1.4.2"):
        machine.clock.sleep(60)
        assert machine.looma().upgrades.rollback("acme").release == release  # type: ignore[union-attr]
        assert_serves(machine, "basic")


def test_there_is_no_release_to_go_back_to_from_the_first(machine: Machine) -> None:
    with pytest.raises(NotAllowed, match="has had no other release"):
        machine.looma().upgrades.rollback("acme")
    machine.looma().upgrades.upgrade("acme", "1.4.2")
    machine.clock.sleep(60)
    machine.looma().switches.switch(request())
    with pytest.raises(NotAllowed, match="has had no other release of pro"):
        machine.looma().upgrades.rollback("acme")


@pytest.mark.parametrize("release", ["1.5.0", "0.0.1"])
def test_the_same_and_an_unknown_release_are_refused(machine: Machine, release: str) -> None:
    with pytest.raises(LoomaError):
        machine.looma().upgrades.upgrade("acme", release)
    assert_serves(machine, "basic")


@pytest.mark.parametrize("broken", ["unhealthy", "exits", "migrate"])
def test_a_broken_release_leaves_the_old_one_serving(machine: Machine, broken: str) -> None:
    before = machine.left_on_engine()
    original = machine.engine.start

    def start(layer: object) -> None:  # only the new layer is broken
        if layer.reference.generation == 2:  # type: ignore[attr-defined]
            if broken == "unhealthy":
                machine.engine.unhealthy.add("user-service")
            elif broken == "exits":
                machine.engine.exits["user-service"] = 3
        original(layer)  # type: ignore[arg-type]

    machine.engine.start = start  # type: ignore[method-assign]
    if broken == "migrate":
        machine.engine.jobs["basic-server"] = (4, "moving\nno such column\n")
    with pytest.raises(OperationFailed) as failed:
        machine.looma().upgrades.upgrade("acme", "1.4.2")
    expected = {"unhealthy": "user-service", "exits": "exit code 3", "migrate": "exit code 4: no such column"}
    assert expected[broken] in failed.value.message
    machine.engine.unhealthy.clear()
    assert_serves(machine, "basic")
    assert acme(machine).release == "1.5.0"
    assert machine.left_on_engine() == before
