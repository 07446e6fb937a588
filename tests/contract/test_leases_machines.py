"""The contract of Leases among machines: whose clocks differ, and whose processes nobody sees from the other one."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from looma_cli.adapters import processes
from looma_cli.adapters.clock import SystemClock
from looma_cli.adapters.leases import LinuxLeases
from looma_cli.errors import Held
from looma_cli.model.operation import Lease
from looma_cli.model.protocols import Clock
from tests.contract.conftest import Database, PostgresqlServer
from tests.contract.test_leases import RESOURCE, taken, wait_until
from tests.fakes.clock import FakeClock

pytestmark = pytest.mark.engine
HOUR = timedelta(hours=1)


class Ahead(SystemClock):
    """A clock that runs, but is wrong."""

    def __init__(self, by: timedelta) -> None:
        self._by = by

    def now(self) -> datetime:
        return super().now() + self._by


@pytest.fixture
def shared(postgresql_server: PostgresqlServer) -> Iterator[Database]:
    database = Database(postgresql_server.new_database())
    yield database
    database.close()


def machine(shared: Database, name: str, clock: Clock, *, expiry: float = 2.0, heartbeat: float | None = None) -> LinuxLeases:
    """Leases as another machine of that name has them."""
    return LinuxLeases(shared.store(clock), clock, expiry_seconds=expiry, heartbeat_seconds=heartbeat, machine=processes.machine(name))


@pytest.mark.parametrize("skew", [-HOUR, HOUR])
def test_a_holder_whose_clock_is_wrong_is_believed_while_its_heart_beats(shared: Database, skew: timedelta) -> None:
    store = shared.store()
    one, two = machine(shared, "one", Ahead(skew)), machine(shared, "two", SystemClock())
    with one.hold(RESOURCE, "op-1", "create"):
        first = taken(store)
        wait_until(lambda: taken(store).expires_at > first.acquired_at + timedelta(seconds=3))  # longer than the lease alone
        assert two.alive(taken(store))
        with pytest.raises(Held) as caught, two.hold(RESOURCE, "op-2", "stop"):
            pytest.fail("two hold the same")
        assert " on one, process " in caught.value.message


@pytest.mark.parametrize("skew", [-HOUR, HOUR])
def test_a_silent_holder_is_dead_after_the_lease_whatever_the_others_clock(shared: Database, skew: timedelta) -> None:
    silent = machine(shared, "one", SystemClock(), heartbeat=600)
    other = machine(shared, "two", Ahead(skew))
    with silent.hold(RESOURCE, "op-1", "create") as held:
        began = time.monotonic()
        assert other.alive(taken(shared.store()))
        with other.hold(RESOURCE, "op-1", "resume of create", wait_seconds=60) as mine:
            assert 1.0 < time.monotonic() - began < 30
            assert mine.lease.holder.machine.startswith("two/")
        assert not held.lost  # its heart does not beat before the end of this test


def test_a_dead_process_of_another_machine_is_not_seen_at_once(shared: Database) -> None:
    """Its pid says nothing here, although the test's processes are all on one machine."""
    one, two = machine(shared, "one", SystemClock()), machine(shared, "two", SystemClock())
    dead = replace(one.me(), pid=2**22 + 1)  # beyond the kernel's highest
    with shared.store().write() as state:
        lease = Lease(RESOURCE, dead, "op-1", "create", state.now(), state.now() + timedelta(seconds=2))
        state.save_lease(lease)
    assert not one.alive(lease)
    assert two.alive(lease)
    wait_until(lambda: not two.alive(lease), 30)


def test_the_states_time_goes_on_within_a_transaction(shared: Database) -> None:
    """A writer may have waited long for its turn."""
    with shared.store(FakeClock()).write() as state:
        first = state.now()
        time.sleep(0.01)
        assert timedelta() < state.now() - first < timedelta(minutes=1)
        assert abs(first - SystemClock().now()) < timedelta(minutes=1)
