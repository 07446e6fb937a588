"""Backups and restores killed at every boundary, then resumed or rolled back: wholly old or wholly new data, and nothing left over."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from looma_cli.model.backup import Retention
from looma_cli.runner import pivot_passed
from looma_cli.wiring import Looma
from tests.crash import backups as world
from tests.crash.backups import assert_whole, data, everything, machine_with_sets, oldest, restore
from tests.crash.mortal import Mortal
from tests.crash.test_boundaries import assert_settled, machines, recover

Verb = Callable[[Looma], object]
Doing = Callable[[Mortal], Verb]
Before = Callable[[Path], Mortal]


def running(home: Path) -> Mortal:
    return machine_with_sets(home)


def suspended(home: Path) -> Mortal:
    return machine_with_sets(home, status="suspended")


def stopped(home: Path) -> Mortal:
    return machine_with_sets(home, status="stopped")


def restored(home: Path) -> Mortal:
    """Once before: generation 2 serves, 1 is kept."""
    machine = machine_with_sets(home)
    machine.process().restores.restore(restore(backup=oldest(machine)))
    world.fill(machine, {"orders": {"1": "since"}})
    return machine


def overdue(home: Path) -> Mortal:
    machine = restored(home)
    machine.clock.sleep(7200)
    return machine


def many(home: Path) -> Mortal:
    machine = machine_with_sets(home)
    for _ in range(3):
        machine.clock.sleep(3600)
        machine.process().backups.create("acme")
    return machine


def half_copied(home: Path) -> Mortal:
    machine = machine_with_sets(home)
    machine.process().backups.copy("acme", "/copies")
    machine.process().backups.create("acme")
    return machine


def emptied(home: Path) -> Mortal:
    """The tenant and all that the state knew of it are gone; the repository is there."""
    machine = machine_with_sets(home)
    machine.process().tenants.delete("acme", backup=False)
    with machine.world().store.write() as state:
        for backup in state.backups():
            state.remove_backup(backup.id)
    return machine


def restoring(**options: Any) -> Doing:
    """Of the oldest set."""

    def doing(machine: Mortal) -> Verb:
        request = restore(backup=oldest(machine), **options)
        return lambda looma: looma.restores.restore(request)

    return doing


def always(verb: Verb) -> Doing:
    return lambda machine: verb


def verify(machine: Mortal) -> Verb:
    id = oldest(machine)
    return lambda looma: looma.backups.verify(id)


CREATE = always(lambda looma: looma.backups.create("acme"))
DELETE = always(lambda looma: looma.tenants.delete("acme", backup=True))
VERBS: dict[str, tuple[Before, Doing]] = {
    # name: what is there before, what is killed
    "create": (running, CREATE),
    "create, stopped": (stopped, CREATE),
    "create, suspended": (suspended, CREATE),
    "verify": (running, verify),
    "restore": (running, restoring()),
    "restore only": (running, restoring(only=("mysql",))),
    "restore, suspended": (suspended, restoring()),
    "restore, stopped": (stopped, restoring(safety=False)),
    "restore again": (restored, restoring()),
    "restore as": (running, restoring(new_name="globex")),
    "restore from": (emptied, always(lambda looma: looma.restores.restore(restore(location="/backups")))),
    "delete": (running, DELETE),
    "delete, stopped": (stopped, DELETE),
    "delete, layers kept": (restored, DELETE),
    "retire": (overdue, always(lambda looma: looma.restores.retire())),
    "prune": (many, always(lambda looma: looma.backups.prune("acme", Retention(last=1)))),
    "copy": (half_copied, always(lambda looma: looma.backups.copy("acme", "/copies"))),
}
KEEPS_A_SET = ("restore", "restore only", "restore, suspended", "restore again", "delete", "delete, stopped", "delete, layers kept")


def pictures(prepared: Mortal, home: Path, doing: Doing) -> tuple[dict[str, object], dict[str, object]]:
    machine = prepared.copy(home)
    machine.process()
    old = everything(machine)
    doing(machine)(machine.process())
    return old, everything(machine)


def stride(name: str) -> int:
    return 1 if os.environ.get("LOOMA_CRASH") == "all" else 9


@pytest.mark.parametrize("cut_engine", [False, True], ids=["between deeds", "inside the engine"])
@pytest.mark.parametrize("way", ["resume", "rollback"])
@pytest.mark.parametrize("name", VERBS)
def test_killed_anywhere(tmp_path: Path, name: str, way: str, cut_engine: bool) -> None:
    before, doing = VERBS[name]
    prepared = before(tmp_path / "prepared")
    old, new = pictures(prepared, tmp_path / "whole", doing)
    boundaries = 0
    for machine in machines(prepared, tmp_path, doing(prepared), cut_engine=cut_engine, stride=stride(name)):
        boundaries += 1
        assert_untouched(machine, old)
        outcome = recover(machine, way)
        seen = everything(machine)
        if outcome == "old" and name in KEEPS_A_SET and len(seen["sets"]) > len(old["sets"]):  # type: ignore[arg-type]
            seen["sets"] = seen["sets"][1:]  # a safety backup is good, whatever became of what it was for
        if outcome == "old" and name == "copy":
            seen["copies"] = old["copies"]  # whole sets stay
        assert seen == (old if outcome == "old" else new), f"boundary {boundaries}, {outcome}"
        if name != "restore from" or outcome == "new":  # before it the state knows nothing of the repository
            assert_whole(machine)
        assert_settled(machine)
    assert boundaries or cut_engine


def assert_untouched(machine: Mortal, old: dict[str, object]) -> None:
    """Before the pivot the data that serve are those that served, whatever happens beside them."""
    waiting = machine.process().operations.list()
    if waiting and not pivot_passed(waiting[0]) and "acme" in old["data"]:  # type: ignore[operator]
        assert data(machine)["acme"] == old["data"]["acme"]  # type: ignore[index]
