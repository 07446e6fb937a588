"""Which host a tenant gets, and what a refusal says: pure."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from looma_cli.errors import NoRoom
from looma_cli.model.host import Capacity, HeldCounts, Host, Reserved
from looma_cli.model.placing import PACK, SPREAD, Ceiling, Footprint, Room, footprint
from looma_cli.plan.capacity import forecast
from looma_cli.plan.observation import Limits
from looma_cli.plan.placement import SHOWN, Candidate, Wanted, stays
from looma_cli.plan.placement import place as chosen_of
from tests.factories import make_edition

GIB = 1 << 30
LIMITS = Limits((20000, 29999), (30000, 31999), IPv4Network("10.192.0.0/10"), 80, 443)
NEED = Footprint(2 * GIB, 8 * GIB, 15)


def room(name: str, memory: float = 16, disk: float = 200, *, used: float = 0, tenants: int = 0, **host: Any) -> Room:
    size = Capacity(4, int(memory * GIB), int(disk * GIB))
    given = {"status": "ready", "capacity": size, "tenants": tenants} | host
    return Room(Host(name, f"ssh://root@{name}", name, **given), Reserved(tenants, int(used * GIB), 0, tenants), HeldCounts())


def wanted(**changes: Any) -> Wanted:
    return replace(Wanted("acme", "basic lite", NEED), **changes)


def place(wanted: Wanted, rooms: list[Room], limits: Limits) -> str:
    return chosen_of(wanted, [Candidate.of(room, limits) for room in rooms])


def lines(refused: pytest.ExceptionInfo[NoRoom]) -> list[str]:
    return refused.value.details["lacks"]


def test_spread_takes_the_largest_part_left_and_pack_the_smallest() -> None:
    rooms = [room("a", used=8), room("b", used=2), room("c", used=13)]
    assert place(wanted(), rooms, LIMITS) == "b"
    assert place(wanted(policy=PACK), rooms, LIMITS) == "c"


def test_a_large_host_fills_as_evenly_as_a_small_one() -> None:
    """By the part that is left, not by the amount: half of the small one is free, a quarter of the large one."""
    assert place(wanted(), [room("large", 64, 1000, used=48), room("small", 16, 1000, used=8)], LIMITS) == "small"


def test_equal_hosts_are_taken_in_an_order_that_differs_from_tenant_to_tenant() -> None:
    rooms = [room(name) for name in "abcd"]
    chosen = {place(wanted(name=f"tenant-{number}"), rooms, LIMITS) for number in range(50)}
    assert chosen == set("abcd")
    assert place(wanted(), rooms, LIMITS) == place(wanted(), rooms[::-1], LIMITS)


@pytest.mark.parametrize(
    ("policy", "used", "good_enough"),
    [(SPREAD, 8, True), (SPREAD, 8.7, True), (SPREAD, 9, False), (SPREAD, 15, False), (PACK, 13, True), (PACK, 15, False)],
)
def test_a_chosen_host_stays_while_it_has_room_and_no_other_has_much_more(policy: str, used: float, good_enough: bool) -> None:
    candidates = {name: Candidate.of(room(name, used=amount), LIMITS) for name, amount in (("a", used), ("b", 8))}
    assert stays(wanted(policy=policy), candidates, "a") is good_enough


def test_disk_that_is_scarcer_than_memory_decides() -> None:
    assert place(wanted(), [room("a", 64, 20), room("b", 16, 200)], LIMITS) == "b"


def test_what_others_use_counts_where_the_size_is_measured_and_not_where_it_is_declared() -> None:
    busy = Capacity(0, 15 * GIB, 10 * GIB)
    measured = room("a", used=0)
    measured = replace(measured, host=replace(measured.host, used=busy))
    declared = replace(measured, host=replace(measured.host, declared=Capacity(0, 16 * GIB, 0)))
    with pytest.raises(NoRoom) as refused:
        place(wanted(), [measured], LIMITS)
    assert lines(refused) == ["a: 1.0 GiB of memory too little"]
    assert place(wanted(), [declared], LIMITS) == "a"


def test_labels_choose() -> None:
    rooms = [room("a", labels={"zone": "x"}), room("b", labels={"zone": "y", "disk": "ssd"}), room("c")]
    assert place(wanted(labels={"zone": "y"}), rooms, LIMITS) == "b"
    with pytest.raises(NoRoom) as refused:
        place(wanted(labels={"zone": "y", "disk": "hdd"}), rooms, LIMITS)
    assert lines(refused)[0] == "b: not labelled disk=hdd"


@pytest.mark.parametrize(
    ("host", "start", "why"),
    [
        (room("a", cordoned=True), False, "a: cordoned"),
        (room("a", status="unreachable"), False, "a: unreachable when it was last looked at"),
        (room("a", status="unknown"), True, "a: not checked yet"),
        (room("a", status="unknown", capacity=None), False, "a: not checked yet"),
        (room("a", status="unknown", capacity=None, declared=Capacity(8, 0, 0)), False, "a: not checked yet"),
        (room("a", used=15), False, "a: 1.0 GiB of memory too little"),
        (room("a", 16, 7.75), False, "a: 256 MiB of disk too little"),
        (replace(room("a"), held=HeldCounts(ports=9990)), False, "a: 5 ports too few"),
        (replace(room("a"), held=HeldCounts(public_ports=2000)), False, "a: 1 public ports too few"),
        (replace(room("a"), held=HeldCounts(subnets=65535)), False, "a: 1 too few in the address pool"),
    ],
)
def test_a_host_that_will_not_do_and_why(host: Room, start: bool, why: str) -> None:
    with pytest.raises(NoRoom, match=r"no host has room for basic lite \(2.0 GiB of memory, 8.0 GiB of disk\)") as refused:
        place(wanted(start=start), [host], LIMITS)
    assert lines(refused) == [why]
    assert refused.value.hint


def test_a_declared_host_that_was_never_looked_at_takes_what_is_not_started() -> None:
    offline = room("a", status="unknown", capacity=None, declared=Capacity(0, 4 * GIB, 0))
    assert place(wanted(start=False), [offline], LIMITS) == "a"


def test_a_refusal_names_the_nearest_hosts_first_and_is_cut() -> None:
    rooms = [room("far", used=16), room("near", used=14.5), room("closed", cordoned=True), room("gone", status="unreachable")]
    rooms += [room(f"z{number}", labels={}, used=15.9) for number in range(4)]
    with pytest.raises(NoRoom) as refused:
        place(wanted(left_out={"z0": "it cannot be reached"}), rooms, LIMITS)
    assert lines(refused)[0] == "near: 512 MiB of memory too little"
    assert lines(refused)[-1] == f"and {len(rooms) - SHOWN} more"
    assert len(lines(refused)) == SHOWN + 1
    assert "looma host show near" in refused.value.hint


@pytest.mark.parametrize(
    ("rooms", "hint"),
    [
        ([room("a", cordoned=True), room("b", status="unreachable")], "looma host uncordon a"),
        ([room("b", status="unreachable"), room("c", used=15)], "looma host show c"),
        ([room("b", status="unreachable")], "looma host check b"),
        ([room("left")], "looma host add"),
    ],
)
def test_a_refusal_says_what_would_help(rooms: list[Room], hint: str) -> None:
    with pytest.raises(NoRoom) as refused:
        place(wanted(left_out={"left": "the tenant leaves it"}), rooms, LIMITS)
    assert refused.value.hint.startswith(hint)


def test_without_any_host_one_has_to_be_added() -> None:
    with pytest.raises(NoRoom) as refused:
        place(wanted(), [], LIMITS)
    assert (lines(refused), refused.value.hint) == ([], "looma host add adds a host")


SIZES = st.integers(0, 20)


@given(rooms=st.lists(st.tuples(SIZES, SIZES), max_size=6), policy=st.sampled_from((SPREAD, PACK)))
def test_whatever_fits_is_placed_and_nothing_else(rooms: list[tuple[int, int]], policy: str) -> None:
    made = [room(f"h{number}", memory + 1, 100, used=min(used, memory + 1)) for number, (memory, used) in enumerate(rooms)]
    fitting = {each.host.name for each in made if each.host.capacity.memory_bytes - each.reserved.memory_bytes >= NEED.memory_bytes}
    try:
        assert place(wanted(policy=policy), made, LIMITS) in fitting
    except NoRoom:
        assert not fitting


# what a tenant takes, and when a host is full
def test_a_footprint_is_the_limits_of_the_profiles_containers() -> None:
    edition = make_edition()
    lite, full = footprint(edition, "lite"), footprint(edition, "full")
    assert lite.memory_bytes == sum(one.resources["lite"].memory_bytes for one in edition.of_profile("lite"))
    assert full.disk_bytes == edition.requirements.disk_bytes
    assert lite.disk_bytes == edition.requirements.disk_bytes * lite.memory_bytes // full.memory_bytes
    assert (lite.ports, lite.public_ports, lite.subnets) == (4, 1, 2)


def test_the_forecast_names_each_ceiling_the_lowest_first() -> None:
    host = room("a", 64, 2000, used=4, tenants=2)
    ahead = forecast("basic", "lite", NEED, host, replace(LIMITS, subnet_pool=IPv4Network("10.192.0.0/19")))
    assert ahead.ceilings[:2] == (Ceiling("memory", 32), Ceiling("address pool", 66))
    assert {ceiling.what for ceiling in ahead.ceilings} == {"memory", "disk", "ports", "public ports", "address pool"}
    assert ahead.unknown == ()


def test_a_host_of_unknown_size_has_no_ceiling_for_it() -> None:
    ahead = forecast("basic", "lite", NEED, room("a", capacity=None), LIMITS)
    assert ahead.unknown == ("memory", "disk")
    assert "memory" not in {ceiling.what for ceiling in ahead.ceilings}


def test_an_overfull_host_is_full_now() -> None:
    assert forecast("basic", "lite", NEED, room("a", used=20, tenants=9), LIMITS).ceilings[0] == Ceiling("memory", 9)
