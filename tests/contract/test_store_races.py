"""Races of 32 real processes for one state, decided by the database."""

from __future__ import annotations

import multiprocessing
import signal
from itertools import chain

import pytest

from looma_cli.adapters.clock import SystemClock
from looma_cli.adapters.database.store import DatabaseStore, database_at
from tests.contract import races
from tests.contract.conftest import Database
from tests.factories import make_tenant

pytestmark = pytest.mark.slow
RACERS = 32


def test_all_can_open_an_empty_home_at_once(database: Database) -> None:
    installations = races.race(races.open_only, database.url)
    assert len(installations) == RACERS
    assert len(set(installations)) == 1
    assert database.store().check() == []


def test_one_wins_and_the_others_hear_why(database: Database) -> None:
    by_name, by_hostname, by_operation = zip(*races.race(races.contend, database.url), strict=True)
    for outcomes, refusal in ((by_name, "AlreadyExists"), (by_hostname, "AlreadyExists"), (by_operation, "Held")):
        assert sorted(outcomes) == sorted(["won"] + [refusal] * (RACERS - 1))


def test_256_tenants_of_32_processes_hold_disjoint_ports_and_subnets(database: Database) -> None:
    assert sum(races.race(races.create_tenants, database.url)) == RACERS * 8
    with database.store().read() as state:
        tenants = state.tenants()
    ports = [port.host_port for port in chain.from_iterable(tenant.ports for tenant in tenants)]
    subnets = [subnet.cidr for subnet in chain.from_iterable(tenant.subnets for tenant in tenants)]
    assert len(tenants) == 256
    assert sorted(ports) == list(range(20000, 20000 + 256 * 6))
    assert len(set(subnets)) == 256


def test_no_update_is_lost(database: Database) -> None:
    with database.store().write() as state:
        state.add_tenant(make_tenant(public_port=1))
    races.race(races.count, database.url)
    with database.store().read() as state:
        assert state.tenant("acme").public_port == 1 + RACERS * 5


def test_a_writer_that_is_killed_leaves_nothing_and_blocks_nobody(database: Database) -> None:
    database.store().prepare()
    context = multiprocessing.get_context("forkserver")
    process = context.Process(target=_die, args=(database.url,))
    process.start()
    process.join(timeout=60)
    assert process.exitcode == -signal.SIGKILL
    store = database.store(busy_seconds=5)
    with store.write() as state:
        assert state.tenants() == []
        state.add_tenant(make_tenant())
    assert store.check() == []


def _die(url: str) -> None:
    races.die_while_writing(DatabaseStore(database_at(url), SystemClock()), 1)
