"""Switches and upgrades killed at every boundary while people use the tenant, then resumed or rolled back: one edition wholly serving,
nothing that was acknowledged is missing, nobody follows anybody, and nothing is left over."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from looma_cli.wiring import Looma
from tests.crash.switches import Used, assert_nothing_lost, assert_parted, data_layer, picture, request, switched, tenant
from tests.crash.test_boundaries import assert_settled, machines, recover

Verb = Callable[[Looma], object]
Before = Callable[[Path], Used]


def suspended(home: Path) -> Used:
    return tenant(home, status="suspended")


def switched_suspended(home: Path) -> Used:
    return switched(home, status="suspended")


def reused(home: Path) -> Used:
    return switched(home, data="reuse")


def rolled_back(home: Path) -> Used:
    machine = switched(home)
    machine.process().switches.rollback("acme")
    machine.acknowledged.clear()
    return machine


def upgraded(home: Path) -> Used:
    machine = tenant(home)
    machine.process().upgrades.upgrade("acme", "1.4.1")
    machine.acknowledged.clear()
    return machine


SWITCH: Verb = lambda looma: looma.switches.switch(request())  # noqa: E731  a table of verbs reads best as one
BACK: Verb = lambda looma: looma.switches.rollback("acme")  # noqa: E731
UPGRADE: Verb = lambda looma: looma.upgrades.upgrade("acme", "1.4.1")  # noqa: E731
VERBS: dict[str, tuple[Before, Verb]] = {
    # name: what is there before, what is killed
    "switch": (tenant, SWITCH),
    "switch, backed up": (tenant, lambda looma: looma.switches.switch(request(safety=True))),
    "switch with a copy": (tenant, lambda looma: looma.switches.switch(request("flagship"))),
    "switch, suspended": (suspended, SWITCH),
    "switch, data reused": (tenant, lambda looma: looma.switches.switch(request(data="reuse"))),
    "switch, reused and suspended": (suspended, lambda looma: looma.switches.switch(request(data="reuse"))),
    "switch, layers kept": (switched, lambda looma: looma.switches.switch(request("flagship"))),
    "rollback": (switched, BACK),
    "rollback, suspended": (switched_suspended, BACK),
    "rollback, data reused": (reused, BACK),
    "rollback of a rollback": (rolled_back, BACK),
    "rollback with its data": (switched, lambda looma: looma.switches.rollback("acme", carry=True)),
    "upgrade": (tenant, UPGRADE),
    "upgrade, suspended": (suspended, UPGRADE),
    "upgrade, layers kept": (switched, UPGRADE),
    "upgrade rolled back": (upgraded, lambda looma: looma.upgrades.rollback("acme")),
    "finalize": (switched, lambda looma: looma.switches.finalize("acme")),
    "delete, layers kept": (switched, lambda looma: looma.tenants.delete("acme", backup=False)),
}
BACKED_UP = ("switch, backed up", "rollback with its data")


def pictures(prepared: Used, home: Path, verb: Verb) -> tuple[dict[str, object], dict[str, object]]:
    machine = prepared.copy(home)
    machine.process()
    old = picture(machine)
    verb(machine.process())
    return old, picture(machine)


def stride(name: str) -> int:
    return 1 if os.environ.get("LOOMA_CRASH") == "all" else 11


@pytest.mark.parametrize("cut_engine", [False, True], ids=["between deeds", "inside the engine"])
@pytest.mark.parametrize("way", ["resume", "rollback"])
@pytest.mark.parametrize("name", VERBS)
def test_killed_anywhere(tmp_path: Path, name: str, way: str, cut_engine: bool) -> None:
    before, verb = VERBS[name]
    prepared = before(tmp_path / "prepared")
    generation = data_layer(prepared)
    old, new = pictures(prepared, tmp_path / "whole", verb)
    boundaries = 0
    for machine in machines(prepared, tmp_path, verb, cut_engine=cut_engine, stride=stride(name)):
        assert isinstance(machine, Used)
        boundaries += 1
        outcome = recover(machine, way)
        seen = picture(machine)
        if outcome == "old" and name in BACKED_UP:
            seen["sets"] = old["sets"]  # a safety backup is good, whatever became of what it was for
        assert seen == (old if outcome == "old" else new), f"boundary {boundaries}, {outcome}"
        assert machine.complaints == [], f"boundary {boundaries}, {outcome}"
        assert_parted(machine)
        if name != "delete, layers kept" or outcome == "old":
            assert_nothing_lost(machine, generation)
        assert_settled(machine)
    assert boundaries or cut_engine
