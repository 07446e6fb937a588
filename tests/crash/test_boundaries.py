"""Killed at every boundary of every verb, then resumed or rolled back: wholly new or wholly old, and nothing left over."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from looma_cli.errors import LoomaError, NotAllowed
from looma_cli.model.requests import UpdateRequest
from looma_cli.wiring import Looma
from tests.crash.mortal import NO_PROCESS, Mortal
from tests.fakes.failing import Killed
from tests.worlds import lite

Verb = Callable[[Looma], object]

CREATE: Verb = lambda looma: looma.tenants.create(lite())  # noqa: E731  a table of verbs reads best as one
VERBS: dict[str, tuple[list[Verb], Verb]] = {
    # name: what was there before, what is killed
    "create": ([], CREATE),
    "create without starting": ([], lambda looma: looma.tenants.create(lite(start=False))),
    "start of a created one": ([lambda looma: looma.tenants.create(lite(start=False))], lambda looma: looma.tenants.start("acme")),
    "stop": ([CREATE], lambda looma: looma.tenants.stop("acme")),
    "start": ([CREATE, lambda looma: looma.tenants.stop("acme")], lambda looma: looma.tenants.start("acme")),
    "restart": ([CREATE], lambda looma: looma.tenants.restart("acme")),
    "suspend": ([CREATE], lambda looma: looma.tenants.suspend("acme")),
    "resume": ([CREATE, lambda looma: looma.tenants.suspend("acme")], lambda looma: looma.tenants.resume("acme")),
    "update": ([CREATE], lambda looma: looma.tenants.update(UpdateRequest("acme", hostname="new.example.com", settings={"A": "2"}))),
    "delete": ([CREATE], lambda looma: looma.tenants.delete("acme", backup=False)),
}


def machines(prepared: Mortal, tmp_path: Path, verb: Verb, *, cut_engine: bool, stride: int, host: str = "local") -> Iterator[Mortal]:
    """One machine per boundary, its process dead there. With ``cut_engine`` death comes in the middle of the work of that host's engine."""
    for at in range(1, 400, stride):
        machine = prepared.copy(tmp_path / f"at-{at}")
        machine.prepared = {operation.id for operation in machine.process().operations.list(all=True)}
        looma = machine.process(None if cut_engine else at)
        engine = machine.engine if host == "local" else machine.sites[host].engine
        if cut_engine:
            engine.crash_after = at
        try:
            verb(looma)
        except Killed:
            engine.crash_after = None
            yield machine
            shutil.rmtree(machine.home)
            continue
        return
    raise AssertionError("the verb never ends")


def picture(machine: Mortal) -> dict[str, object]:
    """All that a person could see of the tenant, on the engine, at the edge and in the state."""
    with machine.world().store.read() as state:
        tenants = [(t.name, t.status, t.hostname, dict(t.settings)) for t in state.tenants()]
        ports = sorted((row.host_port, row.component) for row in state.allocations())
        subnets = sorted(row.cidr for row in state.subnets())
    answer = machine.edge.answer(30000)
    running = sorted(c.name for c in machine.daemon.containers.values() if c.state == "running" and "init" not in c.name)
    return {
        "tenants": tenants,
        "ports": ports,
        "subnets": subnets,
        "engine": [name.replace(machine.engine.installation, "ID") for name in machine.left_on_engine()],
        "running": [name.replace(machine.engine.installation, "ID") for name in running],
        "route": answer and (answer.status, answer.service),
        "files": [name.rpartition("stacks")[2] for name in machine.left_in_files()],
    }


def prepare(home: Path, before: list[Verb]) -> Mortal:
    machine = Mortal(home)
    for step in before:
        step(machine.process())
    return machine


def pictures(prepared: Mortal, home: Path, verb: Verb) -> tuple[dict[str, object], dict[str, object]]:
    """Wholly old and wholly new."""
    machine = prepared.copy(home)
    machine.process()
    old = picture(machine)
    verb(machine.process())
    return old, picture(machine)


def stride(name: str) -> int:
    """Every boundary of create and delete, and of all verbs in `make test-crash`; every third of the others."""
    return 1 if name in ("create", "delete") or os.environ.get("LOOMA_CRASH") == "all" else 3


def assert_settled(machine: Mortal) -> None:
    looma = machine.process()
    assert looma.operations.list() == []
    assert looma.state.audit().ok
    living = NO_PROCESS + machine._processes - 1  # who recovered; those who died could give nothing back
    with machine.world().store.read() as state:
        assert [lease for lease in state.leases() if lease.holder.pid >= living] == []


@pytest.mark.parametrize("cut_engine", [False, True], ids=["between deeds", "inside the engine"])
@pytest.mark.parametrize("way", ["resume", "rollback"])
@pytest.mark.parametrize("name", VERBS)
def test_killed_anywhere(tmp_path: Path, name: str, way: str, cut_engine: bool) -> None:
    before, verb = VERBS[name]
    prepared = prepare(tmp_path / "prepared", before)
    old, new = pictures(prepared, tmp_path / "whole", verb)
    boundaries = 0
    for machine in machines(prepared, tmp_path, verb, cut_engine=cut_engine, stride=stride(name)):
        boundaries += 1
        outcome = recover(machine, way)
        seen = picture(machine)
        assert seen == (old if outcome == "old" else new), f"boundary {boundaries}, {outcome}"
        assert_settled(machine)
    assert boundaries or cut_engine


def recover(machine: Mortal, way: str) -> str:
    """What an operator does next. Returns which picture is then to be seen."""
    looma = machine.process()
    waiting = looma.operations.list()
    if not waiting:
        own = [operation for operation in looma.operations.list(all=True) if operation.id not in machine.prepared]
        return "new" if [operation.status for operation in own] == ["done"] else "old"
    assert len(waiting) == 1
    assert waiting[0].status == "interrupted"
    if way == "resume":
        return {"done": "new", "rolled_back": "old"}[looma.operations.resume(waiting[0].id).status]
    try:
        looma.operations.rollback(waiting[0].id)
    except NotAllowed:
        assert looma.operations.resume(waiting[0].id).status == "done"
        return "new"
    return "old"


def test_a_rollback_that_is_killed_can_be_finished(tmp_path: Path) -> None:
    """Kill a create in the middle, then kill its rollback at every boundary, then roll back again."""
    for at in range(1, 200, 2):
        machine = Mortal(tmp_path / str(at))
        with pytest.raises(Killed):
            CREATE(machine.process(18))
        (operation,) = machine.process().operations.list()
        try:
            machine.process(at).operations.rollback(operation.id)
        except Killed:
            looma = machine.process()
            if looma.operations.list():
                assert looma.operations.rollback(operation.id).status == "rolled_back"
            assert picture(machine)["engine"] == []
            assert picture(machine)["tenants"] == []
            assert_settled(machine)
            continue
        assert at > 10
        return
    raise AssertionError("the rollback never ends")


def test_a_failure_whose_undo_is_killed_goes_on_backwards(tmp_path: Path) -> None:
    machine = Mortal(tmp_path)
    machine.engine.unhealthy.add("job-service")
    with pytest.raises((Killed, LoomaError)):
        CREATE(machine.process(30))
    looma = machine.process()
    for operation in looma.operations.list():
        looma.operations.rollback(operation.id)
    assert picture(machine)["engine"] == []
    assert_settled(machine)
