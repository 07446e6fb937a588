"""Which host ports a stack gets: all of its documented numbers, or one contiguous block. Rule: the contract's "Ports"."""

from __future__ import annotations

from collections.abc import Container, Sequence, Set
from dataclasses import dataclass

from looma_cli.errors import Conflict, NoFreePorts
from looma_cli.model.edition import Component

Taken = Set[tuple[str, int]]  # (protocol, host port), on whatever address


@dataclass(frozen=True, slots=True)
class Numbers:
    """Port numbers taken for any protocol: asked for one by one, since a host may hold thousands and a plan looks at few."""

    taken: Taken

    def __contains__(self, port: object) -> bool:
        return ("tcp", port) in self.taken or ("udp", port) in self.taken


@dataclass(frozen=True, slots=True)
class Wanted:
    component: str
    layer: str
    container_port: int
    canonical: int | None
    protocol: str


@dataclass(frozen=True, slots=True)
class Chosen:
    wanted: Wanted
    host_port: int

    @property
    def canonical(self) -> bool:
        return self.host_port == self.wanted.canonical


def wanted_ports(components: Sequence[Component]) -> list[Wanted]:
    """Every port that the components publish, in manifest order."""
    return [
        Wanted(c.name, c.layer, p.container_port, p.canonical, p.protocol) for c in components for p in c.ports if p.canonical is not None
    ]


def choose_ports(wanted: Sequence[Wanted], taken: Taken, policy: str, block_range: tuple[int, int]) -> list[Chosen]:
    """Host ports for a whole stack. ``policy`` is auto, canonical or block.

    Raises Conflict listing the taken numbers (``canonical``), NoFreePorts when the range holds no block.
    """
    conflicts = canonical_conflicts(wanted, taken)
    if policy == "canonical" and conflicts:
        listed = ", ".join(f"{w.canonical} ({w.component})" for w in conflicts)
        raise Conflict(
            f"{len(conflicts)} documented ports are taken: {listed}",
            "leave out --ports canonical to get a block of free ports",
            ports=[w.canonical for w in conflicts],
        )
    if policy != "block" and not conflicts:
        return [Chosen(w, w.canonical) for w in wanted if w.canonical is not None]
    first = free_block(len(wanted), Numbers(taken), block_range)
    return [Chosen(w, first + offset) for offset, w in enumerate(wanted)]


def canonical_conflicts(wanted: Sequence[Wanted], taken: Taken) -> list[Wanted]:
    """The wanted ports whose documented number is taken, or wanted twice by this very stack."""
    seen: set[tuple[str, int | None]] = set()
    conflicts = []
    for want in wanted:
        key = (want.protocol, want.canonical)
        if key in taken or key in seen:
            conflicts.append(want)
        seen.add(key)
    return conflicts


def free_block(size: int, taken: Container[int], block_range: tuple[int, int]) -> int:
    """The first port of the lowest run of ``size`` free ports. Raises NoFreePorts.

    Each run is looked at from its end: the last taken port in it is where the next may begin.
    """
    low, high = block_range
    start = low
    while start + size - 1 <= high:
        for port in range(start + size - 1, start - 1, -1):
            if port in taken:
                start = port + 1
                break
        else:
            return start
    raise NoFreePorts(f"no block of {size} free ports in {low}-{high}", "widen LOOMA_PORT_RANGE, or look at: looma port list")


def free_port(taken: Container[int], port_range: tuple[int, int], what: str) -> int:
    """The lowest free port of a range. Raises NoFreePorts."""
    low, high = port_range
    for port in range(low, high + 1):
        if port not in taken:
            return port
    raise NoFreePorts(f"no free {what} in {low}-{high}", "widen LOOMA_PUBLIC_PORT_RANGE, or look at: looma port list")
