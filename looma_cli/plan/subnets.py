"""Which subnets a stack's layers get: the lowest free /26 of the pool. Rule: the contract's "Ports"."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Network
from itertools import chain

from looma_cli.errors import NoFreeSubnet

PREFIX = 26
_SIZE = 1 << (32 - PREFIX)


def choose_subnets(count: int, taken: Iterable[str], pool: IPv4Network) -> list[str]:
    """``count`` CIDRs of the pool that overlap nothing in ``taken`` (IPv4 CIDRs of any size). Raises NoFreeSubnet."""
    first = int(pool.network_address)
    slots = pool.num_addresses // _SIZE
    used = _used_slots(taken, first, slots)
    chosen: list[str] = []
    for slot in range(slots):
        if len(chosen) == count:
            break
        if slot not in used:
            chosen.append(_cidr(first + slot * _SIZE))
    if len(chosen) < count:
        raise NoFreeSubnet(
            f"the subnet pool {pool} has no {count} free /{PREFIX}", "widen LOOMA_SUBNET_POOL, or look at: looma network list"
        )
    return chosen


def _cidr(address: int) -> str:
    return f"{address >> 24}.{address >> 16 & 255}.{address >> 8 & 255}.{address & 255}/{PREFIX}"


def _used_slots(taken: Iterable[str], first: int, slots: int) -> set[int]:
    return set(chain.from_iterable([_slots(cidr, first, slots) for cidr in taken]))


@lru_cache(maxsize=4096)
def _slots(cidr: str, first: int, slots: int) -> range:
    if ":" in cidr:
        return range(0)
    low, high = _bounds(cidr)
    return range(max(0, (low - first) // _SIZE), min(slots - 1, (high - first) // _SIZE) + 1)


def _bounds(cidr: str) -> tuple[int, int]:
    """Lowest and highest address as integers; plain arithmetic, because a host may hold hundreds."""
    address, _, prefix = cidr.partition("/")
    value = 0
    for part in address.split("."):
        value = value << 8 | int(part)
    size = 1 << (32 - int(prefix or 32))
    low = value & ~(size - 1)
    return low, low + size - 1
