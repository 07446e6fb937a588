"""Batches that are shared among processes: the real wiring without an engine, since nothing is started."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from looma_cli.errors import AlreadyExists, Cancelled, InvalidValue, LoomaError, NotFound
from looma_cli.model.operation import OPEN_STATUSES
from looma_cli.model.reporting import SilentReporter
from looma_cli.model.requests import CreateRequest
from looma_cli.usecases.batches import WORTH_IT, BatchResult
from looma_cli.wiring import Looma, open_looma
from tests.contract.unwell import CHECKOUT

MANY = WORTH_IT + 8
Rows = list[tuple[int, CreateRequest | LoomaError]]


class Noting(SilentReporter):
    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


def looma(home: Path, **more: Any) -> Looma:
    return open_looma({}, more.pop("reporter", SilentReporter()), environment={"LOOMA_HOME": str(home)}, **more)


def request(name: str, **more: Any) -> CreateRequest:
    return CreateRequest(name, more.pop("edition", "basic"), profile="lite", start=False, **more)


def rows(count: int = MANY) -> Rows:
    return [(number, request(f"tenant-{number:02}")) for number in range(count)]


def created(home: Path, given: Rows) -> list[BatchResult]:
    return list(looma(home).tenants.create_many(given, start=False))


def nothing_shared_twice(home: Path) -> None:
    tenants = looma(home).tenants.list()
    ports = Counter((port.protocol, port.host_port) for tenant in tenants for port in tenant.ports)
    ports.update(("tcp", tenant.public_port) for tenant in tenants)
    cidrs = Counter(subnet.cidr for tenant in tenants for subnet in tenant.subnets)
    assert max(*ports.values(), *cidrs.values()) == 1


def test_results_come_in_the_order_of_the_rows(tmp_path: Path) -> None:
    results = created(tmp_path, rows())
    assert [(r.line, r.name, r.error) for r in results] == [(n, f"tenant-{n:02}", None) for n in range(MANY)]
    assert [r.tenant for r in results] == looma(tmp_path).tenants.list()
    nothing_shared_twice(tmp_path)


def test_every_tenant_is_an_operation_of_its_own_that_ended(tmp_path: Path) -> None:
    created(tmp_path, rows())
    operations = looma(tmp_path).operations.list(all=True)
    assert sorted(operation.tenant for operation in operations) == [f"tenant-{n:02}" for n in range(MANY)]
    assert {operation.status for operation in operations} == {"done"}
    with open_state(tmp_path) as state:
        assert state.leases() == []


def open_state(home: Path) -> Any:
    from looma_cli.adapters.database import open_store

    return open_store(home).read()


def test_the_files_are_those_of_a_tenant_that_was_created_alone(tmp_path: Path) -> None:
    created(tmp_path, rows())
    for tenant in looma(tmp_path).tenants.list():
        rendered = looma(tmp_path).stacks.render(tenant.name)
        assert {name: (tmp_path / "stacks" / tenant.name / name).read_text() for name in rendered} == rendered


def test_bad_rows_are_reported_in_their_place(tmp_path: Path) -> None:
    given = rows()
    given[4] = (4, InvalidValue("bad"))
    given[15] = (15, request("tenant-15", edition="gold"))
    results = created(tmp_path, given)
    assert [type(r.error) for r in results if r.error] == [InvalidValue, NotFound]
    assert [r.line for r in results if r.error] == [4, 15]
    assert len(looma(tmp_path).tenants.list()) == MANY - 2
    assert results[15].error is not None
    assert results[15].error.hint


def test_rows_that_quarrel_are_decided_by_their_order(tmp_path: Path) -> None:
    given = rows()
    given[10] = (10, request("tenant-10", hostname="one.example"))
    given[11] = (11, request("tenant-11", hostname="one.example"))
    given[12] = (12, request("tenant-10", hostname="one.example"))
    given[13] = (13, request("tenant-10", hostname="two.example"))
    results = created(tmp_path, given)
    assert [type(r.error).__name__ for r in results[10:14]] == ["NoneType", "AlreadyExists", "NoneType", "AlreadyExists"]
    assert isinstance(results[11].error, AlreadyExists)
    assert results[11].error.details["tenant"] == "tenant-10"


def test_documented_ports_go_to_the_first_that_insists_on_them(tmp_path: Path) -> None:
    given = rows()
    for number in (9, 10, 11):
        given[number] = (number, request(f"tenant-{number:02}", edition="pro", ports="canonical"))
    results = created(tmp_path, given)
    assert [r.line for r in results if r.error] == [10, 11]
    assert results[9].tenant is not None
    assert all(port.canonical for port in results[9].tenant.ports)


def test_what_is_under_way_is_said(tmp_path: Path) -> None:
    reporter = Noting()
    list(looma(tmp_path, reporter=reporter).tenants.create_many(rows(), start=False))
    assert reporter.notes == [f"tenant-{n:02}: creating" for n in range(2, MANY)]


@pytest.mark.parametrize("after", [1, 6])
def test_ctrl_c_ends_it_after_the_tenants_under_way(tmp_path: Path, after: int) -> None:
    results: list[BatchResult] = []
    batch = looma(tmp_path, stop_requested=lambda: len(results) >= after).tenants.create_many(rows(60), start=False)
    with pytest.raises(Cancelled, match=r"\d+ of 60 lines are left"):
        results.extend(batch)
    operations = looma(tmp_path).operations.list(all=True)
    assert {operation.status for operation in operations} == {"done"}
    assert len(looma(tmp_path).tenants.list()) == len(operations) == len(results) < 60


def test_a_killed_command_leaves_operations_that_can_be_resumed(tmp_path: Path) -> None:
    file = tmp_path / "tenants.yaml"
    file.write_text("".join(f"- {{name: tenant-{n:03}, edition: basic}}\n" for n in range(400)), encoding="utf-8")
    command = [sys.executable, "-m", "looma_cli", "tenant", "create", "--from", str(file), "--no-start"]
    environment = {**os.environ, "LOOMA_HOME": str(tmp_path)}
    with subprocess.Popen(command, cwd=CHECKOUT, env=environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if re.match("tenant-02[0-9]: created", line):
                break
        process.send_signal(signal.SIGKILL)
    time.sleep(0.5)  # for the kernel to end the workers
    for operation in looma(tmp_path).operations.list(all=True):
        if operation.status in OPEN_STATUSES:
            assert operation.status == "interrupted"
            assert looma(tmp_path).operations.resume(operation.id).status == "done"
    tenants = looma(tmp_path).tenants.list()
    assert 20 <= len(tenants) < 400
    assert {tenant.status for tenant in tenants} == {"created"}
    assert sorted(path.name for path in (tmp_path / "stacks").iterdir()) == [tenant.name for tenant in tenants]
    nothing_shared_twice(tmp_path)
    with open_state(tmp_path) as state:
        assert [lease for lease in state.leases() if lease.resource.removeprefix("tenant:") in {t.name for t in tenants}] == []
