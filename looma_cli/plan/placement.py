"""Which host a tenant gets. Pure: what is known of each host goes in, one host or what is missing where comes out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from zlib import crc32

from looma_cli.errors import NoRoom
from looma_cli.model.host import Capacity
from looma_cli.model.placing import PACK, SPREAD, Footprint, Room
from looma_cli.plan.capacity import NAMES, Free, free
from looma_cli.plan.observation import Limits

SHOWN = 5  # hosts whose lack is told, of those that have too little
SLACK = 0.05  # of a host
CORDONED, UNTRIED, UNREACHABLE, UNREACHED = "cordoned", "not checked yet", "unreachable when it was last looked at", "it cannot be reached"
SHORT, TRIED, CLOSED, GONE, UNLABELLED = range(5)  # how far a host is from having room
GIB, MIB = 1 << 30, 1 << 20


@dataclass(frozen=True, slots=True)
class Wanted:
    """A tenant looking for a host. ``labels`` are those that the host must have; ``start`` rules out hosts that were never looked at;
    ``left_out`` are hosts that were tried, each with why it would not do."""

    name: str
    what: str  # edition and profile, for people
    footprint: Footprint
    labels: Mapping[str, str] = field(default_factory=dict)
    policy: str = SPREAD
    start: bool = True
    left_out: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A host with what is free there, worked out once: a batch asks forty hosts for each of its tenants."""

    room: Room
    left: Free
    size: Capacity

    @classmethod
    def of(cls, room: Room, limits: Limits) -> Candidate:
        return cls(room, free(room, limits), room.host.size or Capacity(0, 0, 0))


@dataclass(frozen=True, slots=True)
class Lack:
    """Why a host will not do. ``rank`` orders: the nearer a host is to having room, the lower."""

    host: str
    text: str
    rank: tuple[int, float]


def place(wanted: Wanted, candidates: Iterable[Candidate]) -> str:
    """The host's name. ``spread`` takes the one with the largest part of it left afterwards, equal ones in an order that differs from
    tenant to tenant, so that many who decide at once meet seldom; ``pack`` the one with the smallest part left, by name. Raises NoRoom."""
    fitting, lacks = [], []
    for one in candidates:
        lack = _lack(wanted, one)
        if lack is None:
            fitting.append((_part_left(one, wanted.footprint), one.room.host.name))
        else:
            lacks.append(lack)
    if not fitting:
        raise _no_room(wanted, lacks)
    if wanted.policy == PACK:
        return min(fitting)[1]
    most = max(part for part, _ in fitting)
    mine = crc32(wanted.name.encode())
    return min((name for part, name in fitting if part == most), key=lambda name: (_mixed(mine, name), name))


def stays(wanted: Wanted, candidates: Mapping[str, Candidate], host: str) -> bool:
    """Whether a host that was chosen will still do now that others were placed there: it has room, and (``spread``) no other has much more.
    To choose anew costs more than a host that is a little fuller than the next."""
    need, mine = wanted.footprint, candidates[host]
    if _lack(wanted, mine) is not None:
        return False
    if wanted.policy == PACK:
        return True
    best = max(_part_left(one, need) for one in candidates.values() if _lack(wanted, one) is None)
    return _part_left(mine, need) >= best - SLACK


def _mixed(number: int, name: str) -> int:
    """Multiplied, since the order by a checksum alone would be nearly the same for all tenants."""
    return number * (2 * crc32(name.encode()) + 1) % (1 << 32)


def _part_left(one: Candidate, need: Footprint) -> float:
    """Of memory or disk, whichever is scarcer, up to 1; what is not known is not scarce."""
    left, size = one.left, one.size
    memory = 1.0 if left.memory_bytes is None else (left.memory_bytes - need.memory_bytes) / size.memory_bytes
    disk = 1.0 if left.disk_bytes is None else (left.disk_bytes - need.disk_bytes) / size.disk_bytes
    return min(memory, disk)


def _lack(wanted: Wanted, one: Candidate) -> Lack | None:
    name = one.room.host.name
    if tried := wanted.left_out.get(name):
        return Lack(name, tried, (TRIED, 0))
    if reason := _out_of_question(wanted, one):
        return Lack(name, *reason)
    if _enough(wanted.footprint, one.left):
        return None
    short = _shortages(wanted.footprint, one.left)
    worst = max(count / getattr(wanted.footprint, what) for what, count in short.items())
    return Lack(name, ", ".join(_short(what, count) for what, count in short.items()), (SHORT, worst))


def _enough(need: Footprint, left: Free) -> bool:
    """Whether ``_shortages`` would find none."""
    return (
        (left.memory_bytes is None or left.memory_bytes >= need.memory_bytes)
        and (left.disk_bytes is None or left.disk_bytes >= need.disk_bytes)
        and left.ports >= need.ports
        and left.public_ports >= need.public_ports
        and left.subnets >= need.subnets
    )


def _shortages(need: Footprint, left: Free) -> dict[str, int]:
    """How much is missing of what; what is not known is not judged."""
    pairs = ((what, getattr(need, what), getattr(left, what)) for what in NAMES)
    return {what: wanted - have for what, wanted, have in pairs if have is not None and wanted > have}


def _out_of_question(wanted: Wanted, one: Candidate) -> tuple[str, tuple[int, float]] | None:
    host = one.room.host
    if wanted.labels and (missing := [f"{key}={value}" for key, value in wanted.labels.items() if host.labels.get(key) != value]):
        return f"not labelled {', '.join(missing)}", (UNLABELLED, len(missing))
    if host.cordoned:
        return CORDONED, (CLOSED, 0)
    if host.status == "unreachable":
        return UNREACHABLE, (GONE, 0)
    if not one.size.memory_bytes or (wanted.start and host.status == "unknown"):
        return UNTRIED, (CLOSED, 1)
    return None


def _short(what: str, count: int) -> str:
    if not what.endswith("_bytes"):
        return f"{count} too few in the address pool" if what == "subnets" else f"{count} {NAMES[what]} too few"
    amount = f"{count / GIB:.1f} GiB" if count >= GIB else f"{max(count // MIB, 1)} MiB"
    return f"{amount} of {NAMES[what]} too little"


def _no_room(wanted: Wanted, lacks: list[Lack]) -> NoRoom:
    lacks.sort(key=lambda lack: (lack.rank, lack.host))
    lines = [f"{lack.host}: {lack.text}" for lack in lacks[:SHOWN]]
    if len(lacks) > SHOWN:
        lines.append(f"and {len(lacks) - SHOWN} more")
    need = wanted.footprint
    message = f"no host has room for {wanted.what} ({need.memory_bytes / GIB:.1f} GiB of memory, {need.disk_bytes / GIB:.1f} GiB of disk)"
    return NoRoom(message, _hint(lacks), lacks=lines)


def _hint(lacks: list[Lack]) -> str:
    """What helps the host that is nearest to having room; ``lacks`` are in that order."""
    add = "add a host: looma host add"
    for lack in lacks:
        if lack.rank[0] == SHORT:
            return f"looma host show {lack.host} says what is full; {add}, or name one yourself: --host"
        if lack.text == CORDONED:
            return f"looma host uncordon {lack.host}, or {add}"
        if lack.text in (UNREACHED, UNREACHABLE, UNTRIED):
            return f"looma host check {lack.host}, or {add}"
        if lack.rank[0] == UNLABELLED:
            return f"looma host list shows the labels; leave out --on, or {add}"
    return "looma host add adds a host"
