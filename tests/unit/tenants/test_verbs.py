"""A tenant is stopped, started, suspended, updated and deleted, on fakes: what is there afterwards, and what is not."""

from __future__ import annotations

from typing import Any

import pytest

from looma_cli.errors import LoomaError, NotAllowed, OperationFailed
from looma_cli.model.requests import UpdateRequest
from looma_cli.usecases.restoring import RestoreRequest
from tests.stored import STORES, fill, held
from tests.unit.tenants.traces import containers, nothing_left
from tests.worlds import Machine, lite


def test_delete_leaves_nothing(machine: Machine) -> None:
    machine.looma().tenants.create(lite())
    machine.looma().tenants.delete("acme", backup=False)
    assert nothing_left(machine)
    assert machine.edge.answer(30000) is None
    assert machine.looma().operations.list() == []


def test_delete_of_one_of_two_leaves_the_other_alone(machine: Machine) -> None:
    machine.looma().tenants.create(lite("first"))
    machine.looma().tenants.create(lite("second"))
    machine.looma().tenants.delete("first", backup=False)
    assert machine.looma().health.check(["second"]).healthy
    assert all("first" not in name for name in machine.left_on_engine())


def test_delete_takes_a_last_backup_that_stays(machine: Machine) -> None:
    machine.looma().tenants.create(lite())
    fill(machine, "acme", a="1")
    machine.looma().tenants.delete("acme", backup=True)
    assert nothing_left(machine)
    (last,) = machine.looma().backups.list("acme")
    assert {store.name: store.fingerprint.rows for store in last.datastores} == {"mysql": 1, "redis": 1, "postgresql": 1}
    machine.looma().restores.restore(RestoreRequest("acme"))
    assert held(machine, "acme") == {store: {"a": "1"} for store in STORES}


def test_delete_whose_last_backup_fails_leaves_the_tenant_serving_and_says_the_way(machine: Machine) -> None:
    machine.looma().tenants.create(lite())
    machine.stores.failing.add("redis")
    with pytest.raises(OperationFailed, match="the dump broke off") as caught:
        machine.looma().tenants.delete("acme", backup=True)
    assert caught.value.hint.endswith("looma tenant delete acme --no-backup")
    assert machine.looma().health.check(["acme"]).healthy
    assert machine.looma().backups.list("acme") == []


def test_delete_that_fails_at_something_else_does_not_blame_the_backup(machine: Machine) -> None:
    machine.looma().tenants.create(lite())
    machine.daemon.answers = False
    with pytest.raises(LoomaError) as caught:
        machine.looma().tenants.delete("acme", backup=True)
    assert "--no-backup" not in caught.value.hint


def test_stop_start_restart(machine: Machine) -> None:
    looma = machine.looma()
    looma.tenants.create(lite())
    volumes = dict(machine.daemon.volumes)
    assert looma.tenants.stop("acme").status == "stopped"  # type: ignore[union-attr]
    assert containers(machine) == set()
    assert machine.edge.answer(30000).status == 503  # type: ignore[union-attr]
    assert looma.tenants.start("acme").status == "running"  # type: ignore[union-attr]
    assert looma.tenants.restart("acme").status == "running"  # type: ignore[union-attr]
    assert looma.health.check(["acme"]).healthy
    assert machine.daemon.volumes == volumes


def test_suspend_and_resume_at_the_edge_only(machine: Machine) -> None:
    looma = machine.looma()
    looma.tenants.create(lite())
    before = containers(machine)
    assert looma.tenants.suspend("acme").status == "suspended"  # type: ignore[union-attr]
    assert machine.edge.answer(30000).status == 503  # type: ignore[union-attr]
    assert containers(machine) == before
    assert looma.health.check(["acme"]).healthy
    assert looma.tenants.resume("acme").status == "running"  # type: ignore[union-attr]
    assert machine.edge.answer(30000).status == 200  # type: ignore[union-attr]


def test_verbs_twice_do_nothing_the_second_time(machine: Machine) -> None:
    looma = machine.looma()
    looma.tenants.create(lite())
    for verb in ("stop", "start", "suspend", "resume"):
        getattr(looma.tenants, verb)("acme")
        operations = len(looma.operations.list(all=True))
        getattr(looma.tenants, verb)("acme")
        assert len(looma.operations.list(all=True)) == operations, verb


def test_update_of_a_running_tenant(machine: Machine) -> None:
    looma = machine.looma()
    looma.tenants.create(lite())
    updated: Any = looma.tenants.update(UpdateRequest("acme", hostname="new.example.com", settings={"GREETING": "你好 $HOME {{ x }}"}))
    assert updated.hostname == "new.example.com"
    assert dict(updated.settings) == {"GREETING": "你好 $HOME {{ x }}"}
    assert machine.edge.answer(80, host="new.example.com").status == 200  # type: ignore[union-attr]
    assert "GREETING" in looma.stacks.render("acme")["app-g1/compose.yaml"]
    assert looma.stacks.render("acme", diff=True) == {}
    assert not [name for name in machine.left_in_files() if name.endswith(".previous")]
    again: Any = looma.tenants.update(UpdateRequest("acme", hostname=None, unset=("GREETING",)))
    assert again.hostname is None
    assert dict(again.settings) == {}


def test_a_larger_profile_adds_components_and_a_smaller_one_is_refused(machine: Machine) -> None:
    machine.environment["LOOMA_IMAGES"] = "registry"
    looma = machine.looma()
    looma.tenants.create(lite())
    looma.tenants.update(UpdateRequest("acme", profile="full"))
    assert {"neo4j", "elasticsearch", "consul", "grafana"} <= containers(machine)
    with pytest.raises(NotAllowed, match="neo4j"):
        looma.tenants.update(UpdateRequest("acme", profile="lite"))
