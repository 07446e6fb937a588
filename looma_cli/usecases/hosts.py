"""The pool of engines: adding a host, looking at it, closing it for new tenants, taking it out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from looma_cli.errors import AlreadyExists, NotAllowed, NotFound, Unreachable
from looma_cli.model.check import FAILED, Check
from looma_cli.model.edition import Edition
from looma_cli.model.host import Capacity, Host, HostKey
from looma_cli.model.operation import Plan
from looma_cli.model.placing import Forecast, footprint
from looma_cli.model.protocols import State
from looma_cli.model.ssh import ssh_address
from looma_cli.plan.capacity import forecast
from looma_cli.plan.create import components_of
from looma_cli.usecases.at_once import at_once
from looma_cli.usecases.context import LOCAL, Context, known_hosts, measured
from looma_cli.usecases.inspecting import HostReport, inspect, looked_at, record
from looma_cli.usecases.placing import room_of

NAMED = 3  # tenants whose names a refusal tells


@dataclass(frozen=True, slots=True)
class NewHost:
    """``declared`` has 0 for what is left to the measurement; ``address`` None is the name in the URL; ``offline``: recorded without a
    look."""

    name: str
    url: str
    labels: Mapping[str, str] = field(default_factory=dict)
    declared: Capacity | None = None
    address: str | None = None
    offline: bool = False


@dataclass(frozen=True, slots=True)
class HostPage:
    """All that is known of one host: its tenants by name, and how many more it can take of one kind (None where no edition is known)."""

    host: Host
    tenants: tuple[str, ...]
    reserved: Capacity
    forecast: Forecast | None


class HostUseCases:
    def __init__(self, context: Context) -> None:
        self._context = context
        self._world = context.world

    # looking
    def list(self) -> list[Host]:
        """From the state; the size of this machine as it is now, which costs nothing."""
        with self._world.store.read() as state:
            local, *others = known_hosts(self._context, state)
        capacity, used = measured(self._world.access(LOCAL), "/")
        return [replace(local, capacity=capacity, used=used), *others]

    def show(self, name: str, edition: str | None = None, profile: str | None = None) -> HostPage:
        """With the forecast for that edition (the first of the catalogue if none) and profile (full if none). Raises NotFound,
        InvalidValue."""
        chosen = self._edition(edition)
        kind = profile or "full"
        if chosen is not None:
            components_of(chosen, kind)
        with self._world.store.read() as state:
            room = room_of(self._context, state, self._known(state, name))
            tenants = [t.name for t in (*state.tenants(), *state.tenants(platform=True)) if t.host == name]
        limits = self._context.limits
        ahead = None if chosen is None else forecast(chosen.name, kind, footprint(chosen, kind), room, limits)
        held = Capacity(0, room.reserved.memory_bytes, room.reserved.disk_bytes)
        return HostPage(room.host, tuple(sorted(tenants)), held, ahead)

    def _edition(self, name: str | None) -> Edition | None:
        if name is not None:
            return self._world.catalog.edition(name)
        return next((edition for edition in self._world.catalog.editions() if edition.kind == "edition"), None)

    def _known(self, state: State, name: str) -> Host:
        for host in known_hosts(self._context, state):
            if host.name == name:
                return host
        raise NotFound(f"there is no host {name}", "looma host list shows the hosts; looma host add adds one", host=name)

    # keys
    def scan(self, url: str) -> HostKey:
        """The key that the machine shows now; nothing is trusted by that. Raises InvalidValue, HostUnreachable."""
        return self._world.scan(ssh_address(url).url)

    def unpinned(self, names: Sequence[str]) -> list[Host]:
        """Those of the named hosts (none: all) that have no pinned key yet. Raises NotFound."""
        return [host for host in self._chosen(names) if host.name != LOCAL and not host.host_key]

    def reached_by_ssh(self, names: Sequence[str]) -> list[Host]:
        """The named hosts. Raises NotFound, NotAllowed for ``local``, which has no key."""
        if LOCAL in names:
            raise NotAllowed("host local is this machine: it has no key", "leave out --host-key")
        return self._chosen(names)

    def pin(self, name: str, key: HostKey, *, again: bool = False) -> None:
        """From now on only a machine with this key is that host. Raises NotFound, and unless ``again`` NotAllowed where another is
        pinned."""
        with self._world.store.write() as state:
            host = state.host(name)
            if not again and host.host_key not in ("", key.key):
                raise NotAllowed(f"host {name} has the key {host.fingerprint} pinned, not {key.fingerprint}", _changed_key_hint(host))
            state.save_host(replace(host, host_key=key.key))

    # adding
    def refuse_known(self, new: NewHost) -> None:
        """Before the machine is asked for anything. Raises AlreadyExists naming the host that has the name or the URL."""
        host = self._host(new, None)
        with self._world.store.read() as state:
            self._refuse_known(state, host)

    def add(self, new: NewHost, key: HostKey | None, *, dry_run: bool = False) -> HostReport | Plan:
        """Look at the host, pin its key and record it; offline nothing is looked at, and the first check pins the key (None here).

        Raises AlreadyExists (name, URL, engine), InvalidValue, Unreachable, NotAllowed for an engine that looma cannot use.
        """
        host = self._host(new, key)
        report = HostReport(host, ()) if new.offline else self._inspected(host)
        if dry_run:
            with self._world.store.read() as state:
                self._refuse_known(state, report.host)
            return _plan_add(report)
        with self._world.store.write() as state:
            self._refuse_known(state, report.host)
            state.add_host(report.host)
        return report

    def _host(self, new: NewHost, key: HostKey | None) -> Host:
        if new.name == LOCAL:
            raise NotAllowed("local is this machine, and always a host", "choose another name for a machine that is reached over SSH")
        address = ssh_address(new.url)
        pinned = "" if key is None else key.key
        return Host(new.name, address.url, new.address or address.name, labels=new.labels, declared=new.declared, host_key=pinned)

    def _refuse_known(self, state: State, host: Host) -> None:
        for other in state.hosts(counted=False):
            if other.name == host.name:
                raise AlreadyExists(f"host {host.name} exists", f"looma host show {host.name}; choose another name", host=host.name)
            if other.url == host.url:
                raise AlreadyExists(f"{host.url} is host {other.name}", f"looma host show {other.name}", host=other.name)
        self._refuse_same_address(state, host)

    def _refuse_same_address(self, state: State, host: Host) -> None:
        """Their tenants' URLs would be the same: every host gives out the same public ports."""
        for other in known_hosts(self._context, state, counted=False):
            if other.address == host.address and other.name != host.name:
                raise AlreadyExists(
                    f"{host.address} is the public address of host {other.name}, and a customer's URL means one host",
                    "say what customers' URLs show of this one: --address",
                    host=other.name,
                )

    def _inspected(self, host: Host) -> HostReport:
        world = self._world.with_host(host)
        try:
            report = inspect(world, host, self._context.limits)
        finally:
            world.close()
        bad = next((check for check in report.checks if check.status == "failed"), None)
        if bad is not None:
            raise NotAllowed(f"looma cannot use host {host.name}: {bad.detail}", bad.hint)
        if report.host.engine.get("id") and report.host.engine["id"] == self._local_engine():
            raise AlreadyExists(f"the engine at {host.url} is this machine's own: host local", "use --host local", host=LOCAL)
        return report

    def _local_engine(self) -> str:
        """Its id; empty where it does not answer, or there is none."""
        try:
            return self._world.engine(LOCAL).information().id
        except Unreachable:
            return ""

    # checking
    def check(self, names: Sequence[str]) -> list[HostReport]:
        """Look at the named hosts (none: all) at the same time, and record what was found. Raises NotFound."""
        reports = at_once(lambda host: looked_at(self._world, host, self._context.limits), self._chosen(names))
        here = self._local_engine() if any(report.host.name != LOCAL for report in reports) else ""
        return [self._recorded(report, here) for report in reports]

    def _recorded(self, report: HostReport, here: str) -> HostReport:
        """``here`` is the id of the local engine. An engine that is another host's already is one finding more, and its second name is
        cordoned: it would be filled twice."""
        with self._world.store.write() as state:
            host, twin = record(state, report.host, here)
        if not twin:
            return replace(report, host=host)
        hint = f"looma host remove {host.name}; a cloned machine needs an engine id of its own"
        again = Check("engine", FAILED, f"it is the engine of host {twin}; {host.name} is cordoned", hint)
        return HostReport(host, (*report.checks, again))

    def _chosen(self, names: Sequence[str]) -> list[Host]:
        with self._world.store.read() as state:
            hosts = {host.name: host for host in known_hosts(self._context, state)}
        for name in names:
            if name not in hosts:
                raise NotFound(f"there is no host {name}", "looma host list shows the hosts; looma host add adds one", host=name)
        return [hosts[name] for name in dict.fromkeys(names or hosts)]

    # closing and opening
    def cordon(self, name: str, *, cordoned: bool, dry_run: bool = False) -> Host | Plan:
        """Whether the host takes new tenants; those that are there stay and run. Raises NotFound."""
        kind, mark = ("host.cordon", "takes no new tenants") if cordoned else ("host.uncordon", "takes new tenants")
        if dry_run:
            with self._world.store.read() as state:
                host = self._known(state, name)
            return _plan(kind, [] if host.cordoned == cordoned else [f"~ host {name} {mark}"])
        with self._world.store.write() as state:
            host = replace(self._known(state, name), cordoned=cordoned)
            state.save_host(host)
        return host

    # taking out
    def remove(self, name: str, *, dry_run: bool = False) -> Host | Plan:
        """Forget the host. Raises NotFound, NotAllowed for ``local`` and while anything is there."""
        if name == LOCAL:
            raise NotAllowed("host local is this machine: it cannot be removed", "looma host cordon local keeps new tenants away from it")
        if dry_run:
            with self._world.store.read() as state:
                host = self._removable(state, name)
            return _plan("host.remove", [f"- host {name} {host.url}", f"- pinned key {host.fingerprint}"][: 2 if host.host_key else 1])
        with self._world.store.write() as state:
            host = self._removable(state, name)
            state.remove_host(name)
        return host

    def _removable(self, state: State, name: str) -> Host:
        """Raises NotFound, NotAllowed naming what is in the way."""
        host = self._known(state, name)
        tenants = [t.name for t in (*state.tenants(), *state.tenants(platform=True)) if t.host == name]
        if tenants:
            more = f" and {len(tenants) - NAMED} more" if len(tenants) > NAMED else ""
            hint = f"looma host drain {name} moves them; looma host cordon {name} keeps new ones away"
            raise NotAllowed(f"host {name} has tenants: {', '.join(tenants[:NAMED])}{more}", hint, tenants=tenants)
        kept = sorted({kept.reference.tenant for kept in state.kept_layers() if kept.host == name})
        if kept:
            hint = "they are kept for the way back until their time is over: looma tenant show TENANT"
            raise NotAllowed(f"host {name} has kept layers of {', '.join(kept[:NAMED])}", hint, tenants=kept)
        operation = next((one for one in state.operations(open_only=True) if one.host == name), None)
        if operation is not None:
            hint = f"looma operation resume {operation.id}, or: looma operation rollback {operation.id}"
            raise NotAllowed(f"operation {operation.id} on host {name} is not finished", hint, operation=operation.id)
        if state.reserved_on(name).tenants:
            raise NotAllowed(f"a tenant is being moved to host {name}", "wait for it; looma operation list shows it")
        return host


def require_fingerprint(key: HostKey, expected: str) -> None:
    """Raises NotAllowed when the machine showed another key than the one expected."""
    if key.fingerprint != expected:
        raise NotAllowed(
            f"the host's key is {key.fingerprint}, not {expected}",
            "compare with ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub on the host itself; somebody may stand between",
            fingerprint=key.fingerprint,
        )


def _changed_key_hint(host: Host) -> str:
    return f"if its key was changed on purpose: looma host check {host.name} --host-key FINGERPRINT"


def _plan(kind: str, changes: Sequence[str], warnings: Sequence[str] = ()) -> Plan:
    return Plan(kind, "", (), 0, tuple(changes), tuple(warnings))


def _plan_add(report: HostReport) -> Plan:
    host = report.host
    key = f"+ pinned key {host.fingerprint}" if host.host_key else "+ its key is pinned by the first: looma host check"
    labels = [f"+ label {name}={value}" for name, value in sorted(host.labels.items())]
    warnings = [f"{check.name}: {check.detail}" for check in report.checks if check.status == "warning"]
    return _plan("host.add", [f"+ host {host.name} {host.url}, address {host.address}", key, *labels], warnings)
