"""A look at one host: what it is, and whether looma can run tenants there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from ipaddress import ip_network

from looma_cli.errors import LoomaError, NotFound, Unreachable
from looma_cli.model.check import FAILED, OK, WARNING, Check
from looma_cli.model.host import Capacity, EngineInformation, Host
from looma_cli.model.protocols import Engine, HostAccess, State
from looma_cli.model.world import World
from looma_cli.plan.observation import Limits
from looma_cli.usecases.at_once import at_once
from looma_cli.usecases.context import LOCAL, measured

GIB = 1 << 30
DISK_LOW_BYTES = 5 * GIB
MEMORY_LOW_BYTES = 2 * GIB
OLDEST_API = (1, 41)  # Docker 20.10: the oldest engine that tenants were run on
CLOCK_APART_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class HostReport:
    """A host as it was found, and what was found."""

    host: Host
    checks: tuple[Check, ...]

    @property
    def failed(self) -> bool:
        return any(check.status == FAILED for check in self.checks)


def inspect(world: World, host: Host, limits: Limits) -> HostReport:
    """Looks at everything. Raises Unreachable (connection, engine or compose), HostUnreachable for a key that is not the pinned one."""
    engine, access = world.engine(host.name), world.access(host.name)
    information = engine.information()  # first: afterwards the connection stands, and nothing waits for it
    before, described, after = world.clock.now(), access.describe(), world.clock.now()
    capacity, used = measured(access, information.root_directory)
    found = replace(host, status="ready", engine=engine_facts(information), capacity=capacity, used=used, checked_at=after)
    middle = before + (after - before) / 2
    checks = [
        *_connection(host),
        _engine(information),
        Check("compose", OK, f"Docker Compose {information.compose}"),
        *_size(capacity, used),
        _ports(access, limits),
        _networks(engine, limits),
        *_clock(host, datetime.fromisoformat(described["time"]), middle),
    ]
    return HostReport(found, tuple(checks))


def looked_at(world: World, host: Host, limits: Limits) -> HostReport:
    """As ``inspect``; a host that cannot be reached is one finding, and recorded as such."""
    try:
        return inspect(world, host, limits)
    except Unreachable as error:
        return HostReport(unreachable(host, world.clock.now()), (Check("connection", FAILED, error.message, error.hint),))
    except LoomaError as error:
        return HostReport(host, (Check("engine", FAILED, error.message, error.hint),))


@dataclass(frozen=True, slots=True)
class Glance:
    """A host as it is now, and why it cannot be reached, where it cannot."""

    host: Host
    error: Unreachable | None = None


def glance(host: Host, engine: Engine, access: HostAccess, now: datetime) -> Glance:
    """Whether it is there, its engine, its size. Where it cannot be reached, whatever else is known of it stays."""
    try:
        information = engine.information()
        capacity, used = measured(access, information.root_directory)
    except Unreachable as error:
        return Glance(unreachable(host, now), error)
    return Glance(replace(host, status="ready", engine=engine_facts(information), capacity=capacity, used=used, checked_at=now))


def glances(world: World, hosts: Sequence[Host]) -> list[Glance]:
    """All at the same time, in order. One that was added without a look and has no key yet is left alone: its first check pins it."""
    now = world.clock.now()
    asked = [host for host in hosts if not is_untried(host)]
    opened = [(host, world.engine(host.name), world.access(host.name)) for host in asked]
    seen = {one.host.name: one for one in at_once(lambda one: glance(*one, now), opened)}
    return [seen.get(host.name) or Glance(host) for host in hosts]


def is_untried(host: Host) -> bool:
    return host.name != LOCAL and host.status == "unknown" and not host.host_key


def unreachable(host: Host, now: datetime) -> Host:
    return replace(host, status="unreachable", checked_at=now)


def engine_facts(information: EngineInformation) -> dict[str, str]:
    facts = {"version": information.version, "api": ".".join(map(str, information.api)), "compose": information.compose}
    return {"id": information.id, **facts} if information.id else facts


def record(state: State, host: Host, here: str = "") -> tuple[Host, str]:
    """Write down how a host was found; its labels and key, and the operator's cordon, stay as they are by now. A host that was removed
    meanwhile stays removed.

    Returns what is recorded, and the name of the host that has the same engine already (``here`` is the id of the local one): then the
    engine's id is not recorded twice, and the host is cordoned.
    """
    try:
        now = state.host(host.name)
    except NotFound:
        if host.name != LOCAL:
            return host, ""
        now = host
    seen = replace(now, **{name: getattr(host, name) for name in ("status", "engine", "capacity", "used", "checked_at")})
    engine = seen.engine.get("id")
    twins = {other.engine.get("id"): other.name for other in state.hosts(counted=False) if other.name != host.name} if engine else {}
    twin = LOCAL if engine and engine == here and host.name != LOCAL else twins.get(engine, "")
    if twin:
        nameless = {name: text for name, text in seen.engine.items() if name != "id"}
        seen = replace(seen, engine=nameless, cordoned=seen.cordoned or host.name != LOCAL)
    state.save_host(seen)
    return seen, twin


def _connection(host: Host) -> Iterator[Check]:
    if host.name != LOCAL:
        yield Check("connection", OK, f"{host.url}, key {host.fingerprint}")


def _engine(information: EngineInformation) -> Check:
    detail = f"Docker {information.version}, API {'.'.join(map(str, information.api))}"
    if information.api < OLDEST_API:
        return Check("engine", FAILED, f"{detail} is too old", "install Docker 20.10 or newer there")
    if information.rootless:
        return Check("engine", WARNING, f"{detail}, rootless", "the edge needs ports below 1024 and the host's network: use a root engine")
    return Check("engine", OK, detail)


def _size(capacity: Capacity, used: Capacity) -> Iterator[Check]:
    yield Check("cpus", OK, f"{capacity.cpus:g}")
    memory, disk = capacity.memory_bytes - used.memory_bytes, capacity.disk_bytes - used.disk_bytes
    low = Check("memory", WARNING, _of(memory, capacity.memory_bytes), "give the machine more memory, or use --profile lite")
    yield low if memory < MEMORY_LOW_BYTES else Check("memory", OK, _of(memory, capacity.memory_bytes))
    low = Check("disk", WARNING, _of(disk, capacity.disk_bytes), "free some space there; images and volumes need it")
    yield low if disk < DISK_LOW_BYTES else Check("disk", OK, _of(disk, capacity.disk_bytes))


def _of(free: int, all_: int) -> str:
    return f"{free / GIB:.1f} GiB of {all_ / GIB:.1f} GiB free"


def _ports(access: HostAccess, limits: Limits) -> Check:
    listening = {listener.port for listener in access.listeners()}
    ranges = (limits.port_range, limits.public_port_range)
    inside = sum(low <= port <= high for port in listening for low, high in ranges)
    edge = [port for port in (limits.edge_http_port, limits.edge_https_port) if port in listening]
    texts = [f"{len(listening)} in use, {inside} of looma's ranges"]
    texts += [f"{' and '.join(map(str, edge))} taken: the edge takes others"] if edge else []
    return Check("ports", OK, "; ".join(texts))


def _networks(engine: Engine, limits: Limits) -> Check:
    networks = engine.networks(everyones=True)
    cidrs = [ip_network(cidr) for network in networks for cidr in network.cidrs]
    inside = sum(cidr.version == 4 and cidr.overlaps(limits.subnet_pool) for cidr in cidrs)
    return Check("networks", OK, f"{len(networks)}, {inside} of them within {limits.subnet_pool}")


def _clock(host: Host, there: datetime, here: datetime) -> Iterator[Check]:
    if host.name == LOCAL:
        return
    apart = (there - here).total_seconds()
    how = "ahead of" if apart > 0 else "behind"
    if abs(apart) > CLOCK_APART_SECONDS:
        yield Check("clock", WARNING, f"{_span(abs(apart))} {how} this machine's", "have the time set by NTP there, for instance by chrony")
    else:
        yield Check("clock", OK, "as here")


def _span(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
