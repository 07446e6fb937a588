"""What a person is told before and amid a restore."""

from __future__ import annotations

from pathlib import Path

import pytest

from looma_cli.errors import Cancelled
from looma_cli.model.reporting import SilentReporter
from tests.crash.backups import machine_with_sets, oldest, restore
from tests.crash.mortal import Mortal


@pytest.fixture
def machine(tmp_path: Path) -> Mortal:
    return machine_with_sets(tmp_path / "home")


def refuses_writes(machine: Mortal) -> bool:
    answer = machine.edge.answer(30000, method="POST")
    return answer is not None and answer.status == 503


def test_one_that_is_interrupted_while_writes_are_refused_says_so(machine: Mortal) -> None:
    looma = machine.looma(SilentReporter(), stop_requested=lambda: refuses_writes(machine))
    with pytest.raises(Cancelled, match="is paused, and writes are refused until it goes on") as caught:
        looma.restores.restore(restore(backup=oldest(machine)))
    assert "operation rollback" in caught.value.hint
    machine.process().operations.rollback(caught.value.details["operation"])
    assert not refuses_writes(machine)


def test_one_that_is_interrupted_while_writes_are_let_in_says_nothing_of_them(machine: Mortal) -> None:
    with pytest.raises(Cancelled) as caught:
        machine.looma(SilentReporter(), stop_requested=lambda: True).restores.restore(restore(backup=oldest(machine)))
    assert "writes" not in caught.value.message
    assert not refuses_writes(machine)


def test_what_is_to_be_brought_back_is_told_with_its_proof(machine: Mortal) -> None:
    proven = machine.process().backups.verify(oldest(machine))
    backup, _ = machine.process().restores.chosen(restore(backup=oldest(machine)))
    assert backup.verified_at == proven.verified_at is not None  # type: ignore[union-attr]
    backup, _ = machine.process().restores.chosen(restore(location="/backups"))
    assert backup.id == oldest(machine)
