"""Down to an edition without a datastore and up again: what stayed in the backup is offered, and brought back where it is asked for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from looma_cli.errors import NotAllowed, OperationFailed
from looma_cli.model.edition import PublishedPort
from looma_cli.model.operation import Operation, Plan
from looma_cli.model.switch import Rehearsal, SwitchRequest
from looma_cli.usecases.restoring import RestoreRequest
from tests.cli.conftest import Cli
from tests.crash.mortal import SmallCatalog
from tests.crash.switches import edition
from tests.factories import make_mysql
from tests.worlds import Machine, lite

ROWS = {"objects": {"a": "1", "b": "2", "c": "3"}}
WEAVIATE = make_mysql(
    name="weaviate", type="weaviate", backup={"driver": "weaviate"}, ports=(PublishedPort("mysql", 8080, 8085),), connection={}, secrets=()
)


def with_weaviate(name: str) -> Any:
    plain = edition(name)
    return replace(plain, components=(*plain.components, WEAVIATE))


def volume(machine: Machine) -> str:
    return f"looma-acme-data-g{machine.looma().tenants.show('acme').data_generation}_weaviate-data"


def switched(machine: Machine, target: str, **more: Any) -> Operation:
    operation = machine.looma().switches.switch(SwitchRequest("acme", target, **more))
    assert isinstance(operation, Operation)
    machine.clock.sleep(60)
    return operation


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """acme came down from future to basic, and left three objects of Weaviate in the backup of then."""
    machine = Machine(tmp_path / "home", catalog=SmallCatalog(edition("basic"), with_weaviate("future"), with_weaviate("flagship")))
    machine.looma().tenants.create(lite("acme", "future"))
    machine.clock.sleep(60)
    machine.stores.replace(volume(machine), ROWS)
    with pytest.raises(NotAllowed, match="no place for what is in weaviate: 3") as refused:
        machine.looma().switches.switch(SwitchRequest("acme", "basic"))
    switched(machine, "basic", accepted=refused.value.details["token"])
    machine.looma().backups.create("acme")  # a newer one, which knows nothing of it
    return machine


def left(machine: Machine) -> str:
    return machine.looma().backups.list("acme")[-1].id


def planned(machine: Machine, target: str, **more: Any) -> Plan:
    plan = machine.looma().switches.switch(SwitchRequest("acme", target, **more), dry_run=True)
    assert isinstance(plan, Plan)
    return plan


def test_the_plan_says_where_it_is_and_how_it_comes_back(machine: Machine) -> None:
    (line,) = [one for one in planned(machine, "future").warnings if "weaviate" in one]
    assert line.startswith(f"weaviate: 3 are in backup {left(machine)} of ")
    assert line.endswith(f"--restore-left brings them along, or later: looma backup restore acme {left(machine)} --only weaviate")


def test_a_switch_brings_it_back_before_writers_wait(machine: Machine) -> None:
    plan = planned(machine, "future", restore_left=True)
    names = [step.name for step in plan.steps]
    assert names.index("restore-store") < names.index("compare-store") < names.index("follow-store") < names.index("set-route-mode")
    assert f"+ weaviate: 3 from backup {left(machine)}" in plan.changes
    assert not any("weaviate" in warning for warning in plan.warnings)
    operation = switched(machine, "future", restore_left=True)
    assert machine.stores.tables(volume(machine)) == ROWS
    assert machine.looma().switches.still_behind(operation) == []
    assert machine.looma().state.audit().ok


def test_without_that_the_switch_says_so_afterwards_and_the_command_works(machine: Machine) -> None:
    operation = switched(machine, "future")
    assert machine.stores.tables(volume(machine)) == {}
    (behind,) = machine.looma().switches.still_behind(operation)
    assert (behind.store, behind.rows, behind.backup.id) == ("weaviate", 3, left(machine))
    machine.looma().restores.restore(RestoreRequest("acme", behind.backup.id, only=("weaviate",)))
    assert machine.stores.tables(volume(machine)) == ROWS


def test_to_another_edition_with_such_a_datastore_only_the_switch_can_bring_it(machine: Machine) -> None:
    (line,) = [one for one in planned(machine, "flagship").warnings if "weaviate" in one]
    assert line.endswith("--restore-left brings them along")
    switched(machine, "flagship", restore_left=True)
    assert machine.stores.tables(volume(machine)) == ROWS


def test_a_damaged_set_leaves_the_old_edition_serving(machine: Machine) -> None:
    machine.stores.damaged.add("weaviate")
    with pytest.raises(OperationFailed, match="everything was put back"):
        machine.looma().switches.switch(SwitchRequest("acme", "future", restore_left=True))
    assert machine.looma().tenants.show("acme").edition == "basic"
    assert machine.looma().health.check(["acme"]).healthy


def test_a_rehearsal_brings_it_back_too(machine: Machine) -> None:
    tried = machine.looma().rehearsals.rehearse(SwitchRequest("acme", "future", restore_left=True))
    assert isinstance(tried, Rehearsal)
    names = [step.name for step in machine.looma().operations.show(tried.operation).plan.steps]
    assert names.count("restore-store") == 3  # the shadow's own two, and what the switch brings


def test_nothing_is_offered_where_nothing_was_left(machine: Machine) -> None:
    switched(machine, "future", restore_left=True)
    assert not any("weaviate" in one for one in planned(machine, "flagship").warnings)
    with pytest.raises(NotAllowed, match="no backup of acme has data for a datastore that flagship has and future has not"):
        planned(machine, "flagship", restore_left=True)


def test_sets_of_an_earlier_tenant_of_the_name_are_nobodys_offer(machine: Machine) -> None:
    machine.looma().tenants.delete("acme", backup=False)
    machine.clock.sleep(60)
    machine.looma().tenants.create(lite("acme", "basic"))
    assert not any("weaviate" in one for one in planned(machine, "future").warnings)


def test_people_and_scripts_are_told_when_the_switch_is_through(machine: Machine) -> None:
    cli = Cli(machine)
    command = f"looma backup restore acme {left(machine)} --only weaviate"
    done = cli("edition", "switch", "acme", "future", "--no-backup")
    assert done.code == 0
    assert f": {command}\n" in done.err
    machine.clock.sleep(60)
    assert cli("edition", "rollback", "acme", "--yes").code == 0
    machine.clock.sleep(60)
    found = cli.json("edition", "switch", "acme", "future", "--no-backup")["result"]["in_backups"]
    assert found == [{"datastore": "weaviate", "rows": 3, "backup": left(machine), "restore": command}]
