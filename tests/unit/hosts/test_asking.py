"""Health and live status over several hosts: all asked at the same time, and one that is gone keeps its tenants in the report."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from looma_cli.errors import Paused, Unreachable
from tests.fakes.host import FakeHost
from tests.worlds import Machine, lite


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """One tenant here, two on each of two other hosts."""
    machine = Machine(tmp_path)
    machine.add_host("h1", "10.0.0.2")
    machine.add_host("h2", "10.0.0.3")
    tenants = machine.looma().tenants
    tenants.create(lite("here"))
    for host in ("h1", "h2"):
        for name in ("one", "two"):
            tenants.create(lite(f"{host}-{name}", host=host))
    return machine


def judged(machine: Machine, *names: str) -> dict[str, str]:
    """Tenant -> healthy, or the component of its first line that is not."""
    report = machine.looma().health.check(list(names))
    lines = {each.name: next((line for line in each.components if not line.healthy), None) for each in report.tenants}
    assert report.healthy == all(line is None for line in lines.values())
    return {name: "healthy" if line is None else f"{line.component} {line.state}" for name, line in lines.items()}


ALL = ("h1-one", "h1-two", "h2-one", "h2-two", "here")


def test_tenants_of_all_hosts_are_asked(machine: Machine) -> None:
    assert judged(machine) == dict.fromkeys(ALL, "healthy")
    assert judged(machine, "h2-two", "here") == {"h2-two": "healthy", "here": "healthy"}


def test_a_host_that_is_gone_is_a_line_for_each_of_its_tenants(machine: Machine) -> None:
    machine.sites["h1"].cut()
    wanted = {**dict.fromkeys(ALL, "healthy"), "h1-one": "host unreachable", "h1-two": "host unreachable"}
    assert judged(machine) == wanted
    status = machine.looma().status.fleet(live=True)
    assert {host.name: host.status for host in status.hosts} == {"local": "ready", "h1": "unreachable", "h2": "ready"}
    assert {tenant.name: tenant.health for tenant in status.tenants if tenant.host == "h1"} == dict.fromkeys(ALL[:2], "unhealthy")
    machine.sites["h1"].back()
    assert judged(machine) == dict.fromkeys(ALL, "healthy")


def test_without_the_engine_here_the_others_are_reported_all_the_same(machine: Machine) -> None:
    machine.daemon.answers = False
    assert judged(machine) == {**dict.fromkeys(ALL, "healthy"), "here": "host unreachable"}
    with pytest.raises(Unreachable):
        machine.looma().health.check(["here"])


class Meeting(FakeHost):
    """Answers only when as many hosts are being asked at the same time."""

    barrier: threading.Barrier

    def reach_all(self, pairs: Sequence[tuple[str, int]]) -> dict[tuple[str, int], tuple[str, int]]:
        self.barrier.wait(20)
        return super().reach_all(pairs)


def test_hosts_are_asked_at_the_same_time_and_each_once(machine: Machine) -> None:
    barrier = threading.Barrier(2)
    for site in machine.sites.values():
        meeting = Meeting(site.daemon, at=site.host.at)
        meeting.barrier = barrier
        site.host = meeting
    assert judged(machine, *ALL) == dict.fromkeys(ALL, "healthy")
    assert not barrier.broken
    assert barrier.n_waiting == 0


def test_a_tenant_whose_operation_waits_is_a_line_too(machine: Machine) -> None:
    """In the middle of an operation that goes on a tenant is asked only by name; one that has stopped there is nobody's otherwise."""
    machine.sites["h1"].cut()
    with pytest.raises(Paused):
        machine.looma().tenants.delete("h1-one", backup=False)
    machine.sites["h1"].back()
    assert judged(machine) == {**dict.fromkeys(ALL, "healthy"), "h1-one": "operation paused"}
    (operation,) = machine.looma().operations.list()
    machine.looma().operations.rollback(operation.id)
    assert judged(machine) == dict.fromkeys(ALL, "healthy")
