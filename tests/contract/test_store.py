"""The contract of Store and State: tenants, hosts, secrets, health results, transactions. On SQLite and on a real PostgreSQL."""

from __future__ import annotations

import re
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import Engine, event

from looma_cli.adapters.database.state import DatabaseState
from looma_cli.adapters.database.store import DatabaseStore, database_at
from looma_cli.errors import AlreadyExists, InvalidValue, NotAllowed, NotFound, StateUnusable
from looma_cli.model.health import ComponentHealth
from looma_cli.model.host import Capacity, Host
from looma_cli.model.tenant import Allocation, Certificate, Subnet, Tenant
from tests.contract.conftest import Database
from tests.factories import NOW, make_tenant


def bare(name: str = "acme", **changes: object) -> Tenant:
    """A tenant that holds nothing yet."""
    fields = {"name": name, "hostname": f"{name}.example", "ports": (), "subnets": ()} | changes
    return make_tenant(**fields)


def port(number: int, tenant: str | None = "acme", **changes: object) -> Allocation:
    base = Allocation("local", "127.0.0.1", number, "tcp", tenant, "app", 1, f"service-{number}", 8000, False)
    return replace(base, **changes)


@contextmanager
def statements(state: DatabaseState) -> Iterator[list[str]]:
    """What is executed in this transaction meanwhile, as the driver is told, transaction control and savepoints left out."""
    seen: list[str] = []

    def note(*told: object) -> None:
        statement = str(told[0] if len(told) == 1 else told[2])
        if not statement.startswith(("BEGIN", "COMMIT", "PRAGMA", "SAVEPOINT", "RELEASE", "SELECT pg_advisory")):
            seen.append(statement)

    driver = state._connection.connection.dbapi_connection
    if isinstance(driver, sqlite3.Connection):
        driver.set_trace_callback(note)
        yield seen
        driver.set_trace_callback(None)
        return
    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def test_installation_is_random_and_stays(database: Database) -> None:
    with database.store().read() as state:
        first = state.installation()
    with database.store().write() as state:
        assert state.installation() == first
    assert re.fullmatch("[0-9a-f]{12}", first)


def test_an_empty_state_takes_over_another_installation(database: Database) -> None:
    with database.store().write() as state:
        state.adopt_installation("0123456789ab")
    with database.store().write() as state:
        assert state.installation() == "0123456789ab"
        state.add_tenant(bare())
        state.adopt_installation("0123456789ab")
        with pytest.raises(NotAllowed, match="has tenants of its own"):
            state.adopt_installation("ba9876543210")
        state.remove_tenant("acme")
        state.add_tenant(bare("looma-core", platform=True))
        with pytest.raises(NotAllowed):
            state.adopt_installation("ba9876543210")
    with database.store().read() as state:
        assert state.installation() == "0123456789ab"


@pytest.mark.parametrize("id", ["", "UPPER", "a b", "a\n", "-a", "x" * 64, "中文"])
def test_an_installation_is_what_a_label_can_say(store: DatabaseStore, id: str) -> None:
    with store.write() as state:
        before = state.installation()
        with pytest.raises(InvalidValue):
            state.adopt_installation(id)
        assert state.installation() == before


def test_a_url_is_shown_without_its_password(store: DatabaseStore) -> None:
    assert store.url.startswith(("sqlite:////", "postgresql://postgres:***@127.0.0.1"))


@pytest.mark.parametrize("url", ["mysql://root@db/looma", "sqlite://", "sqlite:///:memory:", "nonsense", "", "postgresql://db:port/x"])
def test_an_unusable_url_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        database_at(url)
    assert "LOOMA_DATABASE_URL" in caught.value.message
    assert "root" not in caught.value.message
    assert "postgresql://" in caught.value.hint


# tenants
def test_a_tenant_comes_back_as_it_was_saved(store: DatabaseStore) -> None:
    shanghai = timezone(timedelta(hours=8))
    tenant = bare(
        display_name="极客 \"quoted\" 'x' \\ {{ }} $HOME",
        settings={"KEY": "a: {b}\n- $(c) \u2028 '\"", "EMPTY": ""},
        certificate=Certificate("-----BEGIN CERTIFICATE-----\nx\n", "sealed"),
        created_at=datetime(2026, 3, 4, 5, 6, 7, 891011, tzinfo=shanghai),
        checked_at=NOW,
        last_backup=NOW,
        platform=False,
        data_generation=2,
        app_generation=7,
        port_policy="block",
        images="local",
    )
    with store.write() as state:
        state.add_tenant(tenant)
    with store.read() as state:
        found = state.tenant("acme")
    assert found == tenant
    assert found.created_at.tzinfo is UTC
    assert found.created_at.hour == 21


def test_a_tenant_carries_its_ports_and_subnets_but_not_what_the_edge_holds_for_it(store: DatabaseStore) -> None:
    edge = port(30000, layer="edge", component="edge", generation=0, address="0.0.0.0")
    ports = [port(20003), port(20001, layer="data"), port(20002)]
    subnet = Subnet("local", "10.192.0.0/26", "acme", "app", 1, "looma-acme-app-g1")
    with store.write() as state:
        state.add_tenant(bare())
        state.add_allocations([edge, *ports])
        state.add_subnets([subnet])
    with store.read() as state:
        tenant, listed = state.tenant("acme"), state.tenants()
        allocated = state.allocations(tenant="acme")
    assert tenant.ports == tuple(ports)  # in the order in which they were added: the manifest's
    assert tenant.subnets == (subnet,)
    assert listed == [tenant]
    assert allocated == [edge, *ports]


def test_saving_a_tenant_ignores_ports_and_subnets(store: DatabaseStore) -> None:
    with store.write() as state:
        state.add_tenant(make_tenant())
        state.save_tenant(make_tenant(status="running"))
    with store.read() as state:
        assert state.tenant("acme").ports == ()
        assert state.tenant("acme").subnets == ()
        assert state.tenant("acme").status == "running"


def test_tenants_are_listed_by_name_and_the_platform_apart(store: DatabaseStore) -> None:
    with store.write() as state:
        for name in ("zeta", "acme", "mid"):
            state.add_tenant(bare(name))
        state.add_tenant(bare("looma-core", platform=True))
        assert [tenant.name for tenant in state.tenants()] == ["acme", "mid", "zeta"]
        assert [tenant.name for tenant in state.tenants(platform=True)] == ["looma-core"]
        assert state.tenant("looma-core").platform


def test_listing_tenants_takes_three_queries_however_many_there_are(store: DatabaseStore) -> None:
    with store.write() as state:
        for index in range(20):
            state.add_tenant(bare(f"tenant-{index}"))
            state.add_allocations([port(20000 + index, f"tenant-{index}")])
    with store.read() as state, statements(state) as seen:
        tenants = state.tenants()
    assert [len(tenant.ports) for tenant in tenants] == [1] * 20
    assert len(seen) == 3


def test_lists_get_of_a_tenants_ports_what_they_print(store: DatabaseStore) -> None:
    subnet = Subnet("local", "10.192.0.0/26", "acme", "app", 1, "looma-acme-app-g1")
    with store.write() as state:
        state.add_tenant(bare())
        state.add_allocations([port(20000), port(20001, canonical=True), port(30000, layer="edge", component="edge")])
        state.add_subnets([subnet])
    with store.read() as state:
        (whole,), (listed,), (bare_one,) = state.tenants(), state.tenants(ports="listed"), state.tenants(ports="none")
    printed = ("tenant", "component", "layer", "container_port", "host_port", "address", "canonical")
    shown = [[[getattr(one, name) for name in printed] for one in tenant.ports] for tenant in (listed, whole)]
    assert shown[0] == shown[1]
    assert (len(whole.ports), listed.subnets, (bare_one.ports, bare_one.subnets)) == (2, (subnet,), ((), ()))
    assert replace(whole, ports=(), subnets=()) == replace(listed, ports=(), subnets=()) == bare_one


def test_an_unknown_tenant_is_not_found(store: DatabaseStore) -> None:
    with store.write() as state:
        assert not state.has_tenant("nobody")
        with pytest.raises(NotFound, match="no tenant nobody"):
            state.tenant("nobody")
        with pytest.raises(NotFound, match="no tenant nobody"):
            state.save_tenant(bare("nobody"))
        state.remove_tenant("nobody")


def test_a_name_is_given_once(store: DatabaseStore) -> None:
    with store.write() as state:
        state.add_tenant(bare())
        with pytest.raises(AlreadyExists, match="tenant acme exists"):
            state.add_tenant(bare(hostname="other.example"))
        state.add_tenant(bare("other"))  # the transaction goes on after the refusal
    with store.read() as state:
        assert [tenant.name for tenant in state.tenants()] == ["acme", "other"]


def test_a_hostname_belongs_to_one_tenant(store: DatabaseStore) -> None:
    with store.write() as state:
        state.add_tenant(bare())
        state.add_tenant(bare("other"))
        state.add_tenant(bare("none", hostname=None))
        state.add_tenant(bare("nothing", hostname=None))
    refused = r"hostname acme\.example belongs to tenant acme"
    with pytest.raises(AlreadyExists, match=refused) as caught, store.write() as state:
        state.add_tenant(bare("third", hostname="acme.example"))
    assert caught.value.details == {"hostname": "acme.example", "tenant": "acme"}
    with pytest.raises(AlreadyExists, match=refused), store.write() as state:
        state.save_tenant(bare("other", hostname="acme.example"))
    with store.read() as state:
        assert state.tenant("other").hostname == "other.example"


def test_removing_a_tenant_removes_all_it_held_but_its_history(store: DatabaseStore) -> None:
    with store.write() as state:
        for name, base in (("acme", 20000), ("other", 21000)):
            state.add_tenant(bare(name))
            state.add_allocations([port(base, name), port(base + 1, name, layer="edge")])
            state.add_subnets([Subnet("local", f"10.192.{base // 1000}.0/26", name, "app", 1, "n")])
            state.save_secrets(name, {"mysql_password": "sealed"})
            state.save_health(name, [ComponentHealth("mysql", "datastore", "running", True, 1.0)], NOW)
            state.save_file(name, "override.yaml", "services: {}")
    with store.write() as state:
        state.remove_tenant("acme")
    with store.read() as state:
        assert [tenant.name for tenant in state.tenants()] == ["other"]
        assert {allocation.tenant for allocation in state.allocations()} == {"other"}
        assert [subnet.tenant for subnet in state.subnets()] == ["other"]
        assert (state.secrets("acme"), state.health("acme"), state.file_names("acme")) == ({}, [], [])
        assert (len(state.secrets("other")), len(state.health("other")), len(state.file_names("other"))) == (1, 1, 1)


# secrets and health results
def test_secrets_are_added_and_replaced_by_name(store: DatabaseStore) -> None:
    with store.write() as state:
        state.add_tenant(bare())
        state.save_secrets("acme", {"a": "1", "b": "2"})
        state.save_secrets("acme", {"b": "3"})
        state.save_secrets("acme", {})
    with store.read() as state:
        assert state.secrets("acme") == {"a": "1", "b": "3"}
        assert state.secrets("nobody") == {}
    with pytest.raises(NotFound), store.write() as state:
        state.save_secrets("nobody", {"a": "1"})


def test_health_results_replace_the_former_and_set_the_tenants_own(store: DatabaseStore) -> None:
    good = ComponentHealth("mysql", "datastore", "running", True, 1.25)
    bad = ComponentHealth("redis", "datastore", "exited", False, None, "exit code 137 \0\udc80")
    with store.write() as state:
        state.add_tenant(bare(status="running"))
        state.save_health("acme", [bad, good], NOW)
        assert state.tenant("acme").health == "unhealthy"
        assert state.health("acme") == [replace(bad, detail=state.health("acme")[0].detail), good]
        assert "\0" not in state.health("acme")[0].detail
        state.save_health("acme", [good], NOW + timedelta(hours=1))
        assert (state.tenant("acme").health, state.tenant("acme").checked_at) == ("healthy", NOW + timedelta(hours=1))
        state.save_health("acme", [], NOW)
        assert (state.tenant("acme").health, state.health("acme")) == ("unknown", [])
        assert state.tenant("acme").status == "running"
        with pytest.raises(NotFound):
            state.save_health("nobody", [good], NOW)


# hosts
def test_hosts_are_saved_and_count_their_tenants(store: DatabaseStore) -> None:
    capacity = Capacity(4, 8 * 2**30, 2**40)
    host = Host("local", "local", "203.0.113.7", "ready", {"zone": "a"}, {"version": "26.1.5"}, capacity, None, 99, NOW)
    with store.write() as state:
        state.save_host(Host("far", "ssh://root@far", "198.51.100.1"))
        state.save_host(replace(host, status="unknown"))
        state.save_host(host)
        for name in ("one", "two"):
            state.add_tenant(bare(name))
    with store.read() as state:
        assert state.hosts() == [Host("far", "ssh://root@far", "198.51.100.1"), replace(host, tenants=2)]
        assert state.host("local").tenants == 2
        with pytest.raises(NotFound, match="no host nowhere"):
            state.host("nowhere")


# transactions
@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, NotFound])
def test_any_exception_rolls_back(store: DatabaseStore, error: type[BaseException]) -> None:
    def interrupted() -> None:
        with store.write() as state:
            state.add_tenant(bare())
            raise error("x")

    with pytest.raises(error):
        interrupted()
    with store.read() as state:
        assert state.tenants() == []


def test_a_reader_sees_one_moment_while_others_write(database: Database) -> None:
    reader, writer = database.store(), database.store()
    with writer.write() as state:
        state.add_tenant(bare())
    with reader.read() as state:
        before = state.tenants()
        with writer.write() as other:
            other.add_tenant(bare("other"))
        assert state.tenants() == before
        assert not state.has_tenant("other")
    with reader.read() as state:
        assert state.has_tenant("other")


def test_a_reader_does_not_wait_for_a_writer(database: Database) -> None:
    store = database.store(busy_seconds=0.2)
    with store.write() as state:
        state.add_tenant(bare())
        with database.store(busy_seconds=0.2).read() as other:
            assert other.tenants() == []


def test_nothing_can_be_written_through_a_reader(store: DatabaseStore) -> None:
    with pytest.raises(StateUnusable), store.read() as state:
        state.add_tenant(bare())
    with store.write() as state:
        assert state.tenants() == []
        state.add_tenant(bare())


def test_writers_take_turns_from_their_very_start(database: Database) -> None:
    """Both read the number and add one: neither addition is lost."""
    database.store().prepare()

    def count(rounds: int) -> None:
        store = database.store()
        for _ in range(rounds):
            with store.write() as state:
                numbers = [tenant.public_port for tenant in state.tenants()]
                state.add_tenant(bare(f"t{max(numbers, default=0) + 1}", public_port=max(numbers, default=0) + 1))

    threads = [threading.Thread(target=count, args=(10,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.store().read() as state:
        assert sorted(tenant.public_port for tenant in state.tenants()) == list(range(1, 41))


def test_a_sound_state_has_no_problems(store: DatabaseStore) -> None:
    assert store.check() == []
