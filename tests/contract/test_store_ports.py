"""The contract of State: ports, quarantine and subnets, and that no two of them ever collide."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from looma_cli.adapters.database.store import DatabaseStore
from looma_cli.errors import NotFound, PortTaken, SubnetTaken
from looma_cli.model.protocols import State
from looma_cli.model.tenant import Allocation, Subnet
from tests.contract.test_store import bare, port, statements
from tests.factories import NOW


def subnet(cidr: str, tenant: str = "acme", **changes: object) -> Subnet:
    return replace(Subnet("local", cidr, tenant, "app", 1, f"looma-{tenant}-app-g1"), **changes)


@pytest.fixture
def filled(store: DatabaseStore) -> DatabaseStore:
    """Tenants ``acme`` and ``other``, which hold nothing."""
    with store.write() as state:
        state.add_tenant(bare())
        state.add_tenant(bare("other"))
    return store


def test_allocations_are_found_by_host_and_tenant_in_the_order_of_insertion(filled: DatabaseStore) -> None:
    rows = [port(20002), port(20001, "other"), port(20001, host="far"), port(20000)]
    with filled.write() as state:
        state.add_allocations(rows)
    with filled.read() as state:
        assert state.allocations() == rows
        assert state.allocations(host="local") == [rows[0], rows[1], rows[3]]
        assert state.allocations(tenant="acme") == [rows[0], rows[2], rows[3]]
        assert state.allocations(host="far", tenant="other") == []
        assert state.allocations(tenant="acme")[0].canonical is False


@pytest.mark.parametrize(
    ("held", "wanted"),
    [("127.0.0.1", "127.0.0.1"), ("127.0.0.1", "0.0.0.0"), ("0.0.0.0", "127.0.0.1"), ("0.0.0.0", "0.0.0.0"), ("127.0.0.1", "::")],
)
def test_a_port_is_held_once_whatever_the_address(filled: DatabaseStore, held: str, wanted: str) -> None:
    with filled.write() as state:
        state.add_allocations([port(20000, address=held, component="mysql")])
    with pytest.raises(PortTaken, match=rf"port {wanted}:20001?0?.* is held by mysql of tenant acme") as caught, filled.write() as state:
        state.add_allocations([port(20001, "other"), port(20000, "other", address=wanted)])
    assert caught.value.details["port"] == 20000
    assert caught.value.details["address"] == wanted
    assert caught.value.details["tenant"] == "acme"
    with filled.read() as state:
        assert state.allocations(tenant="other") == []  # all or none


@pytest.mark.parametrize("changes", [{"address": "127.0.0.2"}, {"protocol": "udp"}, {"host": "far"}])
def test_another_address_protocol_or_host_does_not_collide(filled: DatabaseStore, changes: dict[str, str]) -> None:
    with filled.write() as state:
        state.add_allocations([port(20000), port(20000, "other", **changes)])
    with filled.read() as state:
        assert len(state.allocations()) == 2


def test_one_call_does_not_collide_with_itself(filled: DatabaseStore) -> None:
    with pytest.raises(PortTaken, match="is held by service-20000 of tenant acme"), filled.write() as state:
        state.add_allocations([port(20000), port(20000, "other", address="0.0.0.0")])


def test_many_allocations_are_checked_against_many(filled: DatabaseStore) -> None:
    with filled.write() as state:
        state.add_allocations(port(number) for number in range(10000, 13000))
    with pytest.raises(PortTaken, match=r"127\.0\.0\.1:12999/tcp"), filled.write() as state:
        state.add_allocations(port(number, "other") for number in range(12999, 16000))


def test_the_constraint_stands_behind_the_check(filled: DatabaseStore) -> None:
    """A row that comes by another way than ``add_allocations`` is judged by the database itself."""
    with filled.write() as state:
        state.add_allocations([port(20000), port(20001)])
    columns = "host, address, host_port, protocol, tenant, layer, generation, component, container_port, canonical, state"
    copy = f"INSERT INTO allocations ({columns}) SELECT {columns} FROM allocations"

    def insert_again() -> None:
        with filled.connection() as connection:
            connection.exec_driver_sql(copy)

    with pytest.raises(PortTaken):
        insert_again()


def test_nothing_is_allocated_to_an_unknown_tenant(store: DatabaseStore) -> None:
    with pytest.raises(NotFound, match="no tenant acme"), store.write() as state:
        state.add_allocations([port(20000)])
    with pytest.raises(NotFound, match="no tenant acme"), store.write() as state:
        state.add_subnets([subnet("10.192.0.0/26")])


def test_adding_nothing_asks_nothing(store: DatabaseStore) -> None:
    with store.write() as state, statements(state) as seen:
        state.add_allocations([])
        state.add_subnets([])
    assert seen == [] or all("tenants" in statement for statement in seen)


def test_a_layers_allocations_change_state_and_go_together(filled: DatabaseStore) -> None:
    mine, next_one = [port(20000), port(20001)], port(20002, generation=2)
    others = [port(20003, layer="data"), port(20004, "other")]
    with filled.write() as state:
        state.add_allocations([*mine, next_one, *others])
        state.set_allocation_state("acme", "app", 1, "bound")
    with filled.write() as state:
        assert [a.state for a in state.allocations()] == ["bound", "bound", "reserved", "reserved", "reserved"]
        state.remove_allocations("acme", "app", 1)
        state.remove_allocations("acme", "app", 1)
        assert state.allocations() == [next_one, *others]
        state.add_allocations(mine)  # what was freed can be given again


# quarantine
def test_a_quarantined_port_is_shown_until_it_expires(store: DatabaseStore) -> None:
    with store.write() as state:
        state.quarantine("local", "127.0.0.1", 20000, "tcp", state.now() + timedelta(minutes=10))
        state.quarantine("far", "127.0.0.1", 20001, "tcp", state.now() + timedelta(minutes=10))
    expected = Allocation("local", "127.0.0.1", 20000, "tcp", None, "", 0, "", 0, False, "quarantined")
    with store.read() as state:
        assert state.allocations(host="local") == [expected]
        assert len(state.allocations()) == 2
        assert state.allocations(tenant="acme") == []
        assert state.taken_ports("local") == {("tcp", 20000)}
    with store.write() as state:
        for host, port in (("local", 20000), ("far", 20001)):
            state.quarantine(host, "127.0.0.1", port, "tcp", state.now())
    with store.read() as state:
        assert state.allocations() == []
        assert state.taken_ports("local") == set()


def test_a_quarantine_is_prolonged_and_ended_ones_are_swept(store: DatabaseStore) -> None:
    with store.write() as state:
        state.quarantine("local", "127.0.0.1", 20000, "tcp", state.now())
        state.quarantine("local", "127.0.0.1", 20000, "tcp", state.now() + timedelta(minutes=9))
        state.quarantine("local", "127.0.0.1", 20001, "tcp", state.now())
    with store.write() as state:
        assert [a.host_port for a in state.allocations()] == [20000]
        state.quarantine("local", "127.0.0.1", 20002, "tcp", state.now() + timedelta(minutes=9))
    with store.connection() as connection:
        kept = connection.exec_driver_sql("SELECT host_port FROM quarantined_ports ORDER BY host_port").scalars().all()
    assert kept == [20000, 20002]


def test_a_quarantine_stands_beside_an_allocation_and_does_not_stop_an_undo(filled: DatabaseStore) -> None:
    """The engine refuses a port that a layer holds here: it is noted first, and the operation undoes itself afterwards."""
    with filled.write() as state:
        state.add_allocations([port(20000)])
        state.quarantine("local", "127.0.0.1", 20000, "tcp", NOW + timedelta(days=9999))
        assert [a.state for a in state.allocations()] == ["reserved", "quarantined"]
        state.remove_allocations("acme", "app", 1)
        assert [a.state for a in state.allocations()] == ["quarantined"]
        state.add_allocations([port(20000)])


def test_taken_ports_are_those_of_a_host(filled: DatabaseStore) -> None:
    with filled.write() as state:
        state.add_allocations([port(20000), port(20000, protocol="udp"), port(20001, host="far")])
        state.save_edge_ports("local", {"http": 80})
        assert state.taken_ports("local") == {("tcp", 20000), ("udp", 20000), ("tcp", 80)}


# the edge
def test_edge_ports_are_allocations_of_nobody_on_every_address(filled: DatabaseStore) -> None:
    with filled.write() as state:
        assert state.edge_ports("local") == {}
        state.save_edge_ports("local", {"http": 80, "https": 443})
        state.save_edge_ports("far", {"http": 8080, "https": 8443})
        assert state.edge_ports("local") == {"http": 80, "https": 443}
        held = state.allocations(host="local")
        assert [(a.address, a.tenant, a.layer, a.component, a.host_port) for a in held] == [
            ("0.0.0.0", None, "edge", "http", 80),
            ("0.0.0.0", None, "edge", "https", 443),
        ]
    with pytest.raises(PortTaken, match=r"held by the edge \(http\)"), filled.write() as state:
        state.add_allocations([port(80)])
    with filled.write() as state:
        state.save_edge_ports("local", {"http": 80, "https": 9443})
        assert state.edge_ports("local") == {"http": 80, "https": 9443}
        state.save_edge_ports("local", {})
        assert state.edge_ports("local") == {}
        assert state.edge_ports("far") == {"http": 8080, "https": 8443}


def test_edge_ports_that_are_taken_leave_the_old_ones(filled: DatabaseStore) -> None:
    with filled.write() as state:
        state.save_edge_ports("local", {"http": 80})
        state.add_allocations([port(8080)])
    with pytest.raises(PortTaken), filled.write() as state:
        state.save_edge_ports("local", {"http": 8080})
    with filled.read() as state:
        assert state.edge_ports("local") == {"http": 80}


# subnets
def test_subnets_are_found_by_host_and_tenant(filled: DatabaseStore) -> None:
    rows = [subnet("10.192.0.64/26"), subnet("10.192.0.0/26", "other", layer="data"), subnet("10.192.0.0/26", host="far")]
    with filled.write() as state:
        state.add_subnets(rows)
        assert state.subnets() == rows
        assert state.subnets(host="local") == rows[:2]
        assert state.subnets(tenant="acme") == [rows[0], rows[2]]
        assert state.taken_subnets("local") == ["10.192.0.64/26", "10.192.0.0/26"]
        state.remove_subnets("acme", "app", 1)
        assert state.subnets() == [rows[1]]


@pytest.mark.parametrize("wanted", ["10.192.0.0/26", "10.192.0.0/25", "10.192.0.32/27", "10.0.0.0/8"])
def test_overlapping_subnets_are_refused(filled: DatabaseStore, wanted: str) -> None:
    with filled.write() as state:
        state.add_subnets([subnet("10.192.0.0/26")])
    with pytest.raises(SubnetTaken, match=f"subnet {wanted} on host local overlaps 10.192.0.0/26 of tenant acme"), filled.write() as state:
        state.add_subnets([subnet("10.193.0.0/26", "other"), subnet(wanted, "other")])
    with filled.read() as state:
        assert state.subnets(tenant="other") == []


def test_one_call_of_subnets_does_not_overlap_itself(filled: DatabaseStore) -> None:
    with pytest.raises(SubnetTaken), filled.write() as state:
        state.add_subnets([subnet("10.192.0.0/26"), subnet("10.192.0.0/24", "other")])
    with filled.write() as state:
        state.add_subnets([subnet("10.192.0.0/26"), subnet("10.192.0.0/24", "other", host="far")])


ADDRESSES = ("127.0.0.1", "127.0.0.2", "0.0.0.0", "::")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(wanted=st.lists(st.tuples(st.sampled_from(ADDRESSES), st.integers(20000, 20004), st.sampled_from(("tcp", "udp"))), max_size=12))
def test_whatever_is_asked_for_no_two_allocations_could_not_both_listen(filled: DatabaseStore, wanted: list[tuple[str, int, str]]) -> None:
    with filled.write() as state:
        state.remove_allocations("acme", "app", 1)
        _ask(state, wanted)
        held = [(a.address, a.host_port, a.protocol) for a in state.allocations(tenant="acme")]
    for index, (address, number, protocol) in enumerate(held):
        for other_address, other_number, other_protocol in held[:index]:
            if (number, protocol) == (other_number, other_protocol):
                assert address != other_address
                assert {address, other_address}.isdisjoint({"0.0.0.0", "::"})


def _ask(state: State, wanted: list[tuple[str, int, str]]) -> None:
    """One by one, as each is free or not: what is refused was refused for a reason."""
    for address, number, protocol in wanted:
        before = {(a.host_port, a.protocol) for a in state.allocations(tenant="acme")}
        try:
            state.add_allocations([port(number, address=address, protocol=protocol)])
        except PortTaken:
            assert (number, protocol) in before
