"""Which installation it was whose state is lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from looma_cli.errors import Conflict, NotAllowed, NotFound
from looma_cli.model.layer import LABEL_INSTALLATION
from tests.fakes.daemon import FakeNetwork
from tests.unit.rebuild.traces import details, known, rebuild, tenants
from tests.worlds import Machine


def stranger(machine: Machine, installation: str = "0123456789ab") -> None:
    """Another looma's tenant on the same engine."""
    labels = {LABEL_INSTALLATION: installation, "looma.tenant": "initech", "looma.layer": "data", "looma.generation": "1"}
    machine.daemon.networks["looma-initech-data-g1"] = FakeNetwork("looma-initech-data-g1", ("10.9.0.0/26",), labels)


def test_the_rendered_files_say_which_installation_it_was(machine: Machine) -> None:
    stranger(machine)
    machine.lose_state()
    assert [tenant.name for tenant in rebuild(machine).rebuilt] == ["acme", "globex"]


def lose_everything(machine: Machine) -> None:
    machine.lose_state()
    for name in ("acme", "globex"):
        machine.world().files.remove_all(name)


def test_one_other_installation_is_taken_without_files(machine: Machine) -> None:
    before = [known(tenant) for tenant in tenants(machine)]
    lose_everything(machine)
    assert details(rebuild(machine)) == ""
    assert [known(tenant) for tenant in tenants(machine)] == before
    assert machine.looma().tenants.start("globex").status == "running"  # type: ignore[union-attr]


def test_several_are_listed_and_one_can_be_chosen(machine: Machine) -> None:
    installation = machine.engine.installation
    stranger(machine)
    lose_everything(machine)
    with pytest.raises(Conflict) as refused:
        rebuild(machine)
    assert refused.value.details["installations"] == {"0123456789ab": ["initech"], installation: ["acme", "globex"]}
    assert "0123456789ab (initech)" in refused.value.hint
    assert machine.left_in_state() == []
    assert [tenant.name for tenant in rebuild(machine, installation=installation).rebuilt] == ["acme", "globex"]


def test_files_of_somebody_else_contradict(machine: Machine) -> None:
    lose_everything(machine)
    machine.world().files.write("acme", "data-g1/compose.yaml", "looma.installation: ffffffffffff\n")
    with pytest.raises(Conflict, match="none of them wrote the stacks folder"):
        rebuild(machine)


def test_an_unknown_installation_and_an_empty_engine_are_said(machine: Machine, tmp_path: Path) -> None:
    machine.lose_state()
    with pytest.raises(NotFound, match="ffffffffffff"):
        rebuild(machine, installation="ffffffffffff")
    with pytest.raises(NotFound, match="nothing to rebuild from"):
        rebuild(Machine(tmp_path / "other"))


def test_a_state_with_tenants_stays_who_it_is(machine: Machine) -> None:
    stranger(machine)
    machine.world().files.write("initech", "data-g1/compose.yaml", "looma.installation: 0123456789ab\n")
    with pytest.raises(NotAllowed):
        rebuild(machine, installation="0123456789ab")
    assert "0123456789ab" in details(rebuild(machine))
