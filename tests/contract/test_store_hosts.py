"""The contract of Store and State: hosts, what is reserved of them, and races for their room. On SQLite and on a real PostgreSQL."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from looma_cli.adapters.catalog import YamlCatalog
from looma_cli.adapters.database.store import DatabaseStore
from looma_cli.errors import AlreadyExists, NoRoom, NotFound, Overtaken
from looma_cli.model.edition import Edition
from looma_cli.model.host import Capacity, HeldCounts, Host, Reservation, Reserved, Unreserved
from looma_cli.model.placing import footprint
from looma_cli.model.reporting import SilentReporter
from looma_cli.model.requests import CreateRequest
from looma_cli.model.tenant import Allocation, Subnet
from looma_cli.settings import data_directory
from looma_cli.wiring import Looma, open_looma
from tests.contract import races
from tests.contract.conftest import Database
from tests.factories import NOW, make_tenant

RACERS, EACH, SEATS = 16, races.TENANTS_EACH, 10
GIB = 1 << 30


def host(name: str = "h1", **more: object) -> Host:
    return Host(name, f"ssh://root@{name}", f"{name}.example", **more)  # type: ignore[arg-type]


def full() -> Host:
    return host(
        status="ready", labels={"zone": "a"}, engine={"id": "abc", "version": "26.1.5"}, capacity=Capacity(4, 8 * GIB, 100 * GIB),
        used=Capacity(0, 2 * GIB, 1 * GIB), checked_at=NOW, host_key="ssh-ed25519 AAAA", cordoned=True, declared=Capacity(0.5, 4 * GIB, 0),
    )  # fmt: skip


def tenants(store: DatabaseStore, *names: str, at: str = "h1") -> None:
    with store.write() as state:
        for name in names:
            state.add_tenant(make_tenant(name=name, hostname=None, host=at))


# hosts
def test_a_host_comes_back_as_it_was_saved(store: DatabaseStore) -> None:
    with store.write() as state:
        state.add_host(full())
    with store.read() as state:
        assert state.host("h1") == full()
        assert state.hosts() == [full()]


def test_a_host_is_there_once_by_name_url_and_engine(store: DatabaseStore) -> None:
    same_url = Host("h2", "ssh://root@h1", "x")
    same_engine = host("h2", engine={"id": "abc"})
    with store.write() as state:
        state.add_host(full())
        for again, words in ((host(), "host h1 exists"), (same_url, "is that of host h1"), (same_engine, "the same as that of host h1")):
            with pytest.raises(AlreadyExists, match=words) as refused:
                state.add_host(again)
            assert refused.value.details["host"] == "h1"
        state.add_host(host("h2"))
        state.add_host(host("h3"))
        with pytest.raises(AlreadyExists, match="the same as that of host h1"):
            state.save_host(same_engine)
    with store.read() as state:
        assert [(one.name, one.url) for one in state.hosts()] == [("h1", "ssh://root@h1"), ("h2", "ssh://root@h2"), ("h3", "ssh://root@h3")]


def test_tenants_are_counted_only_where_that_is_asked(store: DatabaseStore) -> None:
    with store.write() as state:
        state.add_host(host())
    tenants(store, "acme", "beta")
    with store.read() as state:
        assert (state.host("h1").tenants, state.hosts()[0].tenants, state.tenants_on("h1")) == (2, 2, 2)
        assert (state.host("h1", counted=False).tenants, state.hosts(counted=False)[0].tenants) == (0, 0)
        assert state.tenants_on("local") == 0


def test_a_removed_host_leaves_its_edge_ports_and_quarantines_behind_nowhere(store: DatabaseStore) -> None:
    with store.write() as state:
        for name in ("h1", "h2"):
            state.add_host(host(name))
            state.save_edge_ports(name, {"http": 80})
            state.quarantine(name, "0.0.0.0", 9000, "tcp", NOW.replace(year=2100))
    with store.write() as state:
        state.remove_host("h1")
        state.remove_host("h1")
    with store.read() as state:
        assert [one.name for one in state.hosts()] == ["h2"]
        assert (state.taken_ports("h1"), len(state.taken_ports("h2"))) == (set(), 2)
        with pytest.raises(NotFound, match="no host h1"):
            state.host("h1")


# reservations
def test_reservations_are_summed_by_host_and_go_with_their_tenant(store: DatabaseStore) -> None:
    tenants(store, "acme", "beta")
    with store.write() as state:
        state.reserve(Reservation("h1", 0, "acme", 10 * GIB, 100))
        state.reserve(Reservation("h1", 2, "beta", 5 * GIB, 50))
        state.reserve(Reservation("h2", 0, "beta", 1, 2))
    with store.read() as state:
        assert state.reserved() == {"h1": Reserved(2, 15 * GIB, 150, 2), "h2": Reserved(1, 1, 2, 1)}
        assert (state.reserved_on("h1"), state.reserved_on("h9")) == (Reserved(2, 15 * GIB, 150, 2), Reserved())
        assert state.reservations("beta") == [Reservation("h1", 2, "beta", 5 * GIB, 50), Reservation("h2", 1, "beta", 1, 2)]
    with store.write() as state:
        state.remove_tenant("beta")
        state.resize_reservation("acme", "h1", 7, 8)
        state.resize_reservation("acme", "h2", 7, 8)
    with store.read() as state:
        assert state.reserved() == {"h1": Reserved(1, 7, 8, 1)}
    with store.write() as state:
        state.release_reservation("acme", "h1")
        state.release_reservation("acme", "h1")
    with store.read() as state:
        assert state.reserved() == {}


def test_a_sequence_is_there_once_for_each_host(store: DatabaseStore) -> None:
    tenants(store, "acme", "beta")
    with store.write() as state:
        state.reserve(Reservation("h1", 1, "acme", 1, 1))
        with pytest.raises(Overtaken, match="placed on host h1 at the same moment"):
            state.reserve(Reservation("h1", 1, "beta", 1, 1))
        with pytest.raises(AlreadyExists, match="acme has a reservation on host h1"):
            state.reserve(Reservation("h1", 2, "acme", 1, 1))
        with pytest.raises(NotFound, match="no tenant nosuch"):
            state.reserve(Reservation("h1", 3, "nosuch", 1, 1))
        state.reserve(Reservation("h2", 1, "beta", 1, 1))
    with store.read() as state:
        assert {name: held.tenants for name, held in state.reserved().items()} == {"h1": 1, "h2": 1}


def test_who_has_reserved_nothing_is_counted_by_kind(store: DatabaseStore) -> None:
    tenants(store, "acme", "beta", "gamma")
    tenants(store, "delta", at="h2")
    with store.write() as state:
        state.reserve(Reservation("h1", 0, "acme", 1, 1))
        state.reserve(Reservation("h1", 0, "delta", 1, 1))  # is being moved there
    with store.read() as state:
        assert sorted(state.unreserved(), key=str) == [Unreserved("h1", "basic", "lite", 2), Unreserved("h2", "basic", "lite", 1)]


def test_numbers_of_the_ranges_and_subnets_are_counted_by_host(store: DatabaseStore) -> None:
    tenants(store, "acme")
    numbers = (8000, 20000, 20999, 21000, 30000)
    with store.write() as state:
        state.add_allocations(Allocation("h1", "127.0.0.1", port, "tcp", "acme", "app", 1, f"c{port}", 80, False) for port in numbers)
        state.add_subnets([Subnet("h1", "10.192.0.0/26", "acme", "app", 1, "x"), Subnet("h2", "10.192.0.0/26", "acme", "data", 1, "y")])
    with store.read() as state:
        assert state.held_counts((20000, 20999), (30000, 31999)) == {"h1": HeldCounts(2, 1, 1), "h2": HeldCounts(0, 0, 1)}


# a race for room
def create_placed(home: str, store: DatabaseStore, number: int) -> list[str]:
    """As ``races.place_tenants``, by a whole looma of this process."""
    looma = open_looma({}, SilentReporter(), environment={"LOOMA_HOME": home})
    return [_created(looma, f"tenant-{number}-{index}") for index in range(EACH)]


def _created(looma: Looma, name: str) -> str:
    try:
        return looma.tenants.create(CreateRequest(name, "basic", profile="lite", start=False)).host  # type: ignore[union-attr]
    except NoRoom:
        return ""


def small_hosts(store: DatabaseStore, edition: Edition) -> None:
    """Four hosts that nobody has looked at, each with room for ``SEATS`` tenants; no room on this machine."""
    need = footprint(edition, "lite").memory_bytes
    with store.write() as state:
        state.save_host(Host("local", "local", "127.0.0.1", cordoned=True))
        for name in "abcd":
            state.add_host(host(name, declared=Capacity(0, need * SEATS + need // 2, 1000 * GIB)))


def all_seats_are_taken_once(store: DatabaseStore, outcomes: list[list[str]]) -> None:
    placed = Counter(host for hosts in outcomes for host in hosts)
    assert placed == {"a": SEATS, "b": SEATS, "c": SEATS, "d": SEATS, "": RACERS * EACH - 4 * SEATS}
    with store.read() as state:
        assert {name: held.tenants for name, held in state.reserved().items()} == dict.fromkeys("abcd", SEATS)
        assert Counter(tenant.host for tenant in state.tenants()) == dict.fromkeys("abcd", SEATS)


def test_many_processes_fill_hosts_to_the_last_seat_and_no_further(database: Database) -> None:
    small_hosts(database.store(), races.EDITION)
    all_seats_are_taken_once(database.store(), races.race(races.place_tenants, database.url, RACERS))


@pytest.mark.slow
def test_many_whole_processes_do_too(new_sqlite: Callable[[Path], Database], tmp_path: Path) -> None:
    database = new_sqlite(tmp_path / "looma.db")
    small_hosts(database.store(), YamlCatalog(data_directory("editions")).edition("basic"))
    all_seats_are_taken_once(database.store(), races.race(partial(create_placed, str(tmp_path)), database.url, RACERS))
