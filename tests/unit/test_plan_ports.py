"""Ports and subnets: the rules of the contract, and what holds for every input."""

from __future__ import annotations

from ipaddress import IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from looma_cli.errors import Conflict, NoFreePorts, NoFreeSubnet
from looma_cli.plan.ports import Wanted, choose_ports, free_block, free_port
from looma_cli.plan.subnets import choose_subnets

RANGE = (20000, 20099)


def wanted(*numbers: int) -> list[Wanted]:
    return [Wanted(f"service-{number}", "app", 80, number, "tcp") for number in numbers]


def host_ports(*numbers: int, taken: set[tuple[str, int]], policy: str = "auto") -> list[int]:
    return [chosen.host_port for chosen in choose_ports(wanted(*numbers), taken, policy, RANGE)]


def test_documented_numbers_when_all_are_free() -> None:
    assert host_ports(8000, 8001, 3307, taken={("tcp", 9999)}) == [8000, 8001, 3307]


def test_one_taken_number_moves_the_whole_stack_into_a_block() -> None:
    assert host_ports(8000, 8001, 3307, taken={("tcp", 8001)}) == [20000, 20001, 20002]


def test_another_protocol_is_another_port() -> None:
    assert host_ports(8000, taken={("udp", 8000)}) == [8000]


def test_block_policy_never_takes_the_documented_numbers() -> None:
    assert host_ports(8000, 8001, taken=set(), policy="block") == [20000, 20001]


def test_canonical_policy_fails_with_the_list_of_conflicts() -> None:
    with pytest.raises(Conflict) as caught:
        choose_ports(wanted(8000, 8001, 8002), {("tcp", 8000), ("tcp", 8002)}, "canonical", RANGE)
    assert caught.value.details["ports"] == [8000, 8002]
    assert "8000 (service-8000)" in caught.value.message
    assert caught.value.exit_code == 4


def test_a_manifest_that_wants_a_number_twice_gets_a_block() -> None:
    assert host_ports(8000, 8000, taken=set()) == [20000, 20001]


def test_no_block_left() -> None:
    taken = {("tcp", port) for port in range(20000, 20100, 10)}
    with pytest.raises(NoFreePorts):
        choose_ports(wanted(*range(8000, 8010)), taken, "block", RANGE)


@given(st.sets(st.integers(RANGE[0] - 5, RANGE[1] + 5)), st.integers(1, 30))
def test_a_block_is_free_contiguous_inside_the_range_and_the_lowest(taken: set[int], size: int) -> None:
    fits = [s for s in range(RANGE[0], RANGE[1] - size + 2) if not taken & set(range(s, s + size))]
    if not fits:
        with pytest.raises(NoFreePorts):
            free_block(size, taken, RANGE)
    else:
        assert free_block(size, taken, RANGE) == fits[0]


@given(st.sets(st.integers(30000, 30010)))
def test_a_public_port_is_the_lowest_free_one(taken: set[int]) -> None:
    free = sorted(set(range(30000, 30011)) - taken)
    if not free:
        with pytest.raises(NoFreePorts):
            free_port(taken, (30000, 30010), "public port")
    else:
        assert free_port(taken, (30000, 30010), "public port") == free[0]


POOL = IPv4Network("10.192.0.0/22")
SLOTS = list(POOL.subnets(new_prefix=26))


@given(st.sets(st.sampled_from(SLOTS)), st.integers(1, 4))
def test_subnets_are_free_slots_of_the_pool(taken: set[IPv4Network], count: int) -> None:
    free = [str(slot) for slot in SLOTS if slot not in taken]
    if len(free) < count:
        with pytest.raises(NoFreeSubnet):
            choose_subnets(count, map(str, taken), POOL)
    else:
        assert choose_subnets(count, map(str, taken), POOL) == free[:count]


@given(st.lists(st.ip_addresses(v=4, network="10.192.0.0/21"), max_size=6), st.integers(20, 32))
def test_networks_of_any_size_and_place_are_kept_clear_of(addresses: list[object], prefix: int) -> None:
    foreign = [IPv4Network((str(address), prefix), strict=False) for address in addresses]
    free = [slot for slot in SLOTS if not any(slot.overlaps(network) for network in foreign)]
    if not free:
        with pytest.raises(NoFreeSubnet):
            choose_subnets(1, map(str, foreign), POOL)
    else:
        assert choose_subnets(1, map(str, foreign), POOL) == [str(free[0])]


def test_ipv6_networks_take_nothing() -> None:
    assert choose_subnets(1, ["fd00::/64"], POOL) == ["10.192.0.0/26"]
