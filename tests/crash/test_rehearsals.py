"""Rehearsals killed at a sample of their boundaries: by a rollback, a resume or the next rehearsal nothing is left of the shadow, and the
tenant has served all the while."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from looma_cli.wiring import Looma
from tests.crash.switches import Used, request, tenant
from tests.crash.test_boundaries import machines

SHADOW = "looma-scratch-"
STRIDE = 1 if os.environ.get("LOOMA_CRASH") == "all" else 17


def rolled_back(looma: Looma) -> None:
    """Or, past the point of no return, resumed: what is left then is to be removed."""
    from looma_cli.runner import pivot_passed

    for operation in looma.operations.list():
        (looma.operations.resume if pivot_passed(operation) else looma.operations.rollback)(operation.id)


def resumed(looma: Looma) -> None:
    for operation in looma.operations.list():
        looma.operations.resume(operation.id)


def rehearsed_again(looma: Looma) -> None:
    for operation in looma.operations.list():
        if operation.kind == "backup.create":
            looma.operations.resume(operation.id)
    looma.rehearsals.rehearse(request())


def left(machine: Used, *, leases: bool) -> list[str]:
    """The lease of a process that died before its operation began is found by the next rehearsal alone."""
    everything = [*machine.left_on_engine(), *machine.left_in_state(), *machine.left_in_files()]
    return [name for name in everything if SHADOW in name and (leases or not name.startswith("Lease("))]


@pytest.mark.parametrize("recover", [rolled_back, resumed, rehearsed_again])
def test_nothing_of_a_shadow_is_left(tmp_path: Path, recover: Callable[[Looma], None]) -> None:
    prepared = tenant(tmp_path / "prepared")
    killed = 0
    for machine in machines(prepared, tmp_path, lambda looma: looma.rehearsals.rehearse(request()), cut_engine=False, stride=STRIDE):
        killed += 1
        assert isinstance(machine, Used)
        assert [one.name for one in machine.process().tenants.list()] == ["acme"]
        recover(machine.process())
        assert left(machine, leases=recover is rehearsed_again) == []
        assert machine.process().operations.list() == []
        assert machine.edge.routes() == ["acme"]
        assert machine.complaints == []
        assert machine.process().tenants.show("acme").status == "running"
        assert machine.process().state.audit().ok
    assert killed >= 8
