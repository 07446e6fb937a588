"""Tenants that are given no host, on fakes: where they land, what they reserve, what gives it back."""

from __future__ import annotations

from typing import Any

import pytest

from looma_cli.errors import Conflict, HostUnreachable, LoomaError, NoRoom, NotAllowed
from looma_cli.model.host import Capacity, Host, Reservation
from looma_cli.model.placing import footprint
from looma_cli.model.requests import CreateRequest, UpdateRequest
from looma_cli.model.tenant import Tenant
from looma_cli.usecases.placing import Placer
from tests.worlds import CATALOG, Machine, lite

GIB = 1 << 30
NEED = footprint(CATALOG.edition("basic"), "lite")


def offline(machine: Machine, name: str, tenants: float, **more: Any) -> None:
    """A host that nobody has looked at, declared large enough for so many ``basic lite`` tenants."""
    size = Capacity(0, int(tenants * NEED.memory_bytes), 1000 * GIB)
    with machine.world().store.write() as state:
        state.save_host(Host(name, f"ssh://root@{name}", name, **{"declared": size, **more}))


def shut_local(machine: Machine) -> None:
    machine.looma().hosts.cordon("local", cordoned=True)


def create(machine: Machine, name: str = "acme", **more: Any) -> Tenant:
    tenant = machine.looma().tenants.create(lite(name, **{"start": False, **more}))
    assert isinstance(tenant, Tenant)
    return tenant


def reservations(machine: Machine, tenant: str = "acme") -> list[Reservation]:
    with machine.world().store.read() as state:
        return state.reservations(tenant)


def room_left(machine: Machine, host: str) -> int:
    """How many more tenants of that kind fit by what is declared and reserved."""
    with machine.world().store.read() as state:
        declared = state.host(host).declared
        assert declared is not None
        return (declared.memory_bytes - state.reserved_on(host).memory_bytes) // NEED.memory_bytes


def choice(machine: Machine, placer: Placer) -> str:
    """Where the placer would put ``acme`` now."""
    plan = machine.looma().tenants.create(lite(start=False), dry_run=True, placer=placer)
    return plan.steps[0].params["tenant"]["host"]  # type: ignore[union-attr]


def test_with_local_alone_nothing_is_chosen_and_nothing_limited(machine: Machine) -> None:
    machine.daemon.memory_bytes = NEED.memory_bytes * 2
    tenants = [create(machine, f"tenant-{number}") for number in range(4)]
    assert {tenant.host for tenant in tenants} == {"local"}


def test_labels_or_a_policy_make_even_local_a_choice(machine: Machine) -> None:
    machine.daemon.memory_bytes = 1 << 30
    for asked in ({"on": {"zone": "a"}}, {"place": "pack"}):
        with pytest.raises(NoRoom):
            create(machine, **asked)


def test_tenants_spread_over_hosts_and_local_is_one_of_them(machine: Machine) -> None:
    machine.daemon.memory_bytes, machine.host.disk_bytes = 64 * GIB, 1000 * GIB
    machine.host.free_bytes = 1000 * GIB
    for name in ("a", "b"):
        offline(machine, name, 64 * GIB / NEED.memory_bytes)
    hosts = [create(machine, f"tenant-{number}").host for number in range(6)]
    assert {hosts.count("a"), hosts.count("b")} <= {2, 3}
    assert set(hosts) >= {"a", "b"}


def test_packed_tenants_fill_one_host_first(machine: Machine) -> None:
    shut_local(machine)
    offline(machine, "a", 10)
    offline(machine, "b", 3.5)
    assert [create(machine, f"tenant-{number}", place="pack").host for number in range(4)] == ["b", "b", "b", "a"]


def test_the_policy_of_the_settings_holds_where_none_is_given(machine: Machine) -> None:
    shut_local(machine)
    machine.environment["LOOMA_PLACEMENT"] = "pack"
    offline(machine, "a", 10)
    offline(machine, "b", 3.5)
    assert create(machine).host == "b"
    assert create(machine, "beta", place="spread").host == "a"


def test_a_chosen_host_holds_what_the_tenant_takes_until_it_is_deleted(machine: Machine) -> None:
    shut_local(machine)
    offline(machine, "a", 1.5)
    assert create(machine).host == "a"
    assert reservations(machine) == [Reservation("a", 1, "acme", NEED.memory_bytes, NEED.disk_bytes)]
    with pytest.raises(NoRoom) as refused:
        create(machine, "beta")
    assert refused.value.details["lacks"][0].startswith("a: ")
    assert "local: cordoned" in refused.value.details["lacks"]
    machine.looma().tenants.delete("acme", backup=False)
    assert create(machine, "beta").host == "a"


def test_a_named_host_is_taken_at_its_word_and_its_tenant_counts(machine: Machine) -> None:
    shut_local(machine)
    offline(machine, "a", 1.5)
    for name in ("acme", "beta"):
        assert create(machine, name, host="a").host == "a"
    assert room_left(machine, "a") == -1
    with pytest.raises(NoRoom):
        create(machine, "gamma")


def test_a_cordoned_host_is_refused_by_name_too(machine: Machine) -> None:
    offline(machine, "a", 10, cordoned=True)
    with pytest.raises(NotAllowed, match="host a is cordoned") as refused:
        create(machine, host="a")
    assert "looma host uncordon a" in refused.value.hint


def test_tenants_without_a_reservation_count_by_their_manifest(machine: Machine) -> None:
    """Made before hosts had reservations, restored or rebuilt."""
    shut_local(machine)
    offline(machine, "a", 1.5)
    create(machine, host="a")
    with machine.world().store.write() as state:
        state.release_reservation("acme", "a")
    with pytest.raises(NoRoom):
        create(machine, "beta")


def test_another_profile_takes_another_part(machine: Machine) -> None:
    machine.environment["LOOMA_IMAGES"] = "registry"
    create(machine)
    machine.looma().tenants.update(UpdateRequest("acme", profile="full"))
    full = footprint(CATALOG.edition("basic"), "full")
    assert [(held.host, held.memory_bytes) for held in reservations(machine)] == [("local", full.memory_bytes)]


def test_a_host_that_does_not_answer_is_left_out(machine: Machine) -> None:
    shut_local(machine)
    for name in ("a", "b"):
        machine.add_host(name).daemon.memory_bytes = 64 * GIB
    machine.looma().hosts.check([])
    chosen = choice(machine, Placer(machine.looma()._context))
    machine.sites[chosen].cut()
    other = {"a": "b", "b": "a"}[chosen]
    assert create(machine, start=True).host == other


def test_where_no_host_answers_that_is_said(machine: Machine) -> None:
    shut_local(machine)
    machine.add_host("a").daemon.memory_bytes = 64 * GIB
    machine.looma().hosts.check([])
    machine.sites["a"].cut()
    with pytest.raises(NoRoom) as refused:
        create(machine, start=True)
    assert refused.value.details["lacks"][0] == "a: it cannot be reached"
    with pytest.raises(HostUnreachable):
        create(machine, start=True, host="a")


def test_a_host_without_free_ports_is_left_out(machine: Machine) -> None:
    shut_local(machine)
    machine.environment["LOOMA_PORT_RANGE"] = "20000-20019"
    offline(machine, "a", 100)
    offline(machine, "b", 90)
    hosts = [create(machine, name, ports="block").host for name in ("acme", "beta")]
    assert sorted(hosts) == ["a", "b"]
    with pytest.raises(NoRoom) as refused:
        create(machine, "gamma", ports="block")
    assert {line.partition(":")[0] for line in refused.value.details["lacks"]} == {"a", "b", "local"}


def test_documented_ports_are_looked_for_on_every_host(machine: Machine) -> None:
    shut_local(machine)
    offline(machine, "a", 100)
    offline(machine, "b", 100)
    hosts = [create(machine, name, ports="canonical").host for name in ("acme", "beta")]
    assert sorted(hosts) == ["a", "b"]


def test_a_batch_is_placed_like_one_after_the_other(machine: Machine) -> None:
    shut_local(machine)
    offline(machine, "a", 3.5, labels={"zone": "x"})
    offline(machine, "b", 3.5)
    rows: list[tuple[int, CreateRequest | LoomaError]] = [(n, lite(f"tenant-{n}", start=False)) for n in range(7)]
    rows[0] = (0, lite("tenant-0", start=False, on={"zone": "x"}))
    results = list(machine.looma().tenants.create_many(rows, start=False))
    assert [result.error is None for result in results] == [True] * 6 + [False]
    assert results[0].tenant is not None
    assert results[0].tenant.host == "a"
    assert (room_left(machine, "a"), room_left(machine, "b")) == (0, 0)
    assert isinstance(results[6].error, NoRoom)


def test_a_cordon_during_a_batch_is_heeded(machine: Machine) -> None:
    shut_local(machine)
    offline(machine, "a", 100)
    offline(machine, "b", 50)
    placer = Placer(machine.looma()._context)
    tenants = machine.looma().tenants
    first = tenants.create(lite("acme", start=False), placer=placer)
    assert isinstance(first, Tenant)
    machine.looma().hosts.cordon("a", cordoned=True)
    second = tenants.create(lite("beta", start=False), placer=placer)
    assert isinstance(second, Tenant)
    assert second.host == "b"


def test_what_others_placed_meanwhile_is_seen_before_it_counts(machine: Machine) -> None:
    """Two who have both looked at an empty host, of which one tenant fits."""
    shut_local(machine)
    offline(machine, "a", 1.5)
    slow, quick = Placer(machine.looma()._context), Placer(machine.looma()._context)
    assert choice(machine, slow) == "a"
    assert isinstance(machine.looma().tenants.create(lite("acme", start=False), placer=quick), Tenant)
    with pytest.raises(NoRoom):
        machine.looma().tenants.create(lite("beta", start=False), placer=slow)
    assert room_left(machine, "a") == 0


def test_a_dry_run_reserves_nothing(machine: Machine) -> None:
    shut_local(machine)
    offline(machine, "a", 1.5)
    plan = machine.looma().tenants.create(lite(start=False), dry_run=True)
    assert plan.steps[0].params["tenant"]["host"] == "a"  # type: ignore[union-attr]
    assert room_left(machine, "a") == 1


def test_an_interrupted_create_gives_back_what_it_held(machine: Machine) -> None:
    shut_local(machine)
    site = machine.add_host("a")
    site.daemon.memory_bytes = 64 * GIB
    machine.looma().hosts.check([])
    site.engine.unhealthy.add("mysql")
    with pytest.raises(LoomaError):
        machine.looma().tenants.create(lite())
    assert reservations(machine) == []


def test_the_same_create_again_finds_its_tenant_wherever_it_is(machine: Machine) -> None:
    shut_local(machine)
    offline(machine, "a", 1.5)
    assert create(machine) == create(machine)
    with pytest.raises(Conflict, match="another host"):
        create(machine, host="local")


def test_the_platform_stays_on_this_machine(machine: Machine) -> None:
    machine.environment["LOOMA_IMAGES"] = "registry"
    offline(machine, "a", 1000)
    tenant = machine.looma().tenants.create(CreateRequest("looma-core", "looma-core", start=False), platform=True)
    assert isinstance(tenant, Tenant)
    assert tenant.host == "local"
