"""The contract of Leases: a lease that is released together with the end of what it was held for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from looma_cli.adapters.clock import SystemClock
from looma_cli.adapters.database.store import DatabaseStore
from looma_cli.adapters.leases import LinuxLeases
from tests.contract.test_leases import RESOURCE, current, taken


@pytest.fixture
def leases(store: DatabaseStore) -> LinuxLeases:
    return LinuxLeases(store, SystemClock())


def test_a_lease_can_end_in_the_transaction_that_ends_its_work(leases: LinuxLeases, store: DatabaseStore) -> None:
    with leases.hold(RESOURCE, "op-1", "create") as held:
        with store.write() as state:
            held.release_in(state)
        assert current(store) is None
        with leases.hold(RESOURCE, "op-2", "stop") as other:
            assert taken(store).operation == other.lease.operation == "op-2"
    assert current(store) is None


def test_a_release_that_was_not_committed_is_made_up_for(leases: LinuxLeases, store: DatabaseStore) -> None:
    def fail(held: Any) -> None:
        with store.write() as state:
            held.release_in(state)
            raise RuntimeError

    with leases.hold(RESOURCE, "op-1", "create") as held:
        with pytest.raises(RuntimeError):
            fail(held)
        assert taken(store).operation == "op-1"
    assert current(store) is None


def test_what_was_taken_over_is_not_released_with_the_work(leases: LinuxLeases, store: DatabaseStore) -> None:
    with leases.hold(RESOURCE, "op-1", "create") as held:
        other = replace(held.lease, holder=replace(held.lease.holder, pid=held.lease.holder.pid + 1), operation="op-2")
        with store.write() as state:
            state.save_lease(other)
            held.release_in(state)
        assert taken(store) == other
    assert taken(store) == other
