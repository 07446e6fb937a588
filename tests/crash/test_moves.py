"""Moves killed at every boundary while people use the tenant, then resumed or rolled back: wholly on one host, nothing acknowledged
is missing, no read has failed at the address that people have, nobody follows anybody, and nothing is left over on either host."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from looma_cli.wiring import Looma
from tests.crash.moves import Moving, assert_parted, moved, picture, request, tenant
from tests.crash.switches import assert_nothing_lost, data_layer
from tests.crash.test_boundaries import assert_settled, machines, recover

Verb = Callable[[Looma], object]
Before = Callable[[Path], Moving]


def suspended(home: Path) -> Moving:
    return tenant(home, status="suspended")


MOVE: Verb = lambda looma: looma.moves.move(request())  # noqa: E731  a table of verbs reads best as one
VERBS: dict[str, tuple[Before, Verb]] = {
    # name: what is there before, what is killed
    "move": (tenant, MOVE),
    "move, suspended": (suspended, MOVE),
    "move, not passed on": (tenant, lambda looma: looma.moves.move(request(forward=False))),
    "move back": (moved, lambda looma: looma.moves.move(request("local"))),
    "finalize": (moved, lambda looma: looma.switches.finalize("acme")),
    "delete, layers kept elsewhere": (moved, lambda looma: looma.tenants.delete("acme", backup=False)),
}
CUT_OFF = ("move, not passed on", "finalize", "delete, layers kept elsewhere")  # the first address ends with these


def pictures(prepared: Moving, home: Path, verb: Verb) -> tuple[dict[str, object], dict[str, object]]:
    machine = prepared.copy(home)
    machine.process()
    old = picture(machine)
    verb(machine.process())
    return old, picture(machine)


def stride(name: str) -> int:
    return 1 if os.environ.get("LOOMA_CRASH") == "all" else 9


@pytest.mark.parametrize("host", ["", "local", "b"], ids=["between deeds", "inside the old engine", "inside the new engine"])
@pytest.mark.parametrize("way", ["resume", "rollback"])
@pytest.mark.parametrize("name", VERBS)
def test_killed_anywhere(tmp_path: Path, name: str, way: str, host: str) -> None:
    before, verb = VERBS[name]
    prepared = before(tmp_path / "prepared")
    generation = data_layer(prepared)
    if name in CUT_OFF:
        prepared.known = ""
    old, new = pictures(prepared, tmp_path / "whole", verb)
    for machine in machines(prepared, tmp_path, verb, cut_engine=bool(host), stride=stride(name), host=host or "local"):
        assert isinstance(machine, Moving)
        outcome = recover(machine, way)
        assert picture(machine) == (old if outcome == "old" else new), f"{machine.home.name}, {outcome}"
        if name != "move, not passed on":
            assert machine.complaints == [], f"{machine.home.name}, {outcome}"
        assert_parted(machine)
        if not name.startswith("delete") or outcome == "old":
            assert_nothing_lost(machine, generation)
        assert_settled(machine)
