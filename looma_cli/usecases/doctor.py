"""Checks everything that looma needs and says how to mend each."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from ipaddress import ip_network
from pathlib import Path
from typing import Protocol

from looma_cli.errors import LoomaError
from looma_cli.model.check import FAILED, OK, WARNING, Check
from looma_cli.plan.subnets import choose_subnets
from looma_cli.usecases.context import LOCAL, Context, held_on, known_hosts
from looma_cli.usecases.inspecting import Glance, glances, is_untried
from looma_cli.usecases.schedules import ScheduleUseCases

GIB = 1 << 30
DISK_LOW_BYTES = 5 * GIB
MEMORY_LOW_BYTES = 2 * GIB
OLDEST_RESTIC = (0, 14)  # of Debian 12; the first one that copies what cuts streams into pieces alike, and compresses


class BackupChecks(Protocol):
    """What backups need of the machine."""

    def version(self) -> tuple[int, ...]:
        """Of restic. Raises RepositoryUnreachable where it is not installed."""
        ...

    def try_place(self, place: str) -> None:
        """Raises RepositoryUnreachable for one that cannot be written to, InvalidValue for one that is none."""
        ...

    def passphrase_file(self) -> tuple[Path, bool]:
        """The file, and whether it is this home's own, which looma makes."""
        ...


class DoctorUseCases:
    def __init__(
        self,
        context: Context,
        home: Path,
        setup_command: str,
        missing_local_images: Callable[[], list[str]],
        backups: BackupChecks,
        schedules: ScheduleUseCases,
    ) -> None:
        self._context = context
        self._backups = backups
        self._schedules = schedules
        self._world = context.world
        self._home = home
        self._setup = setup_command
        self._missing_local_images = missing_local_images

    def check(self) -> list[Check]:
        """All checks, each on its own: one that fails does not hide the next."""
        checks = [
            self._state,
            self._home_writable,
            self._engine,
            self._compose,
            self._disk,
            self._memory,
            self._subnets,
            self._ports,
            self._images,
            self._ssh,
            self._restic,
            self._backup_places,
            self._passphrase,
            self._backup_schedule,
        ]
        return [*(self._guarded(check) for check in checks), *self._hosts()]

    def _hosts(self) -> list[Check]:
        """A line for each host but ``local``, all asked at the same time."""
        with self._world.store.read() as state:
            hosts = [host for host in known_hosts(self._context, state, counted=False) if host.name != LOCAL]
        return [_host(seen) for seen in glances(self._world, hosts)]

    def _guarded(self, check: Callable[[], Check]) -> Check:
        try:
            return check()
        except LoomaError as error:
            return Check(check.__name__.strip("_").replace("_", " "), FAILED, error.message, error.hint)

    def _state(self) -> Check:
        problems = self._world.store.check()
        if problems:
            return Check("state", FAILED, problems[0], "restore looma.db from its last copy, or: looma state rebuild")
        return Check("state", OK, f"revision {self._world.store.revision()}")

    def _home_writable(self) -> Check:
        probe = self._home / ".writable"
        try:
            probe.write_text("", encoding="utf-8")
            probe.unlink()
        except OSError as error:
            return Check("home writable", FAILED, f"{self._home}: {error.strerror}", "set LOOMA_HOME to a folder that you may write")
        return Check("home writable", OK, str(self._home))

    def _engine(self) -> Check:
        information = self._world.engine(LOCAL).information()
        return Check("engine", OK, f"Docker {information.version}, API {'.'.join(map(str, information.api))}")

    def _compose(self) -> Check:
        return Check("compose", OK, self._world.engine(LOCAL).information().compose)

    def _disk(self) -> Check:
        root = self._world.engine(LOCAL).information().root_directory
        free = self._world.access(LOCAL).free_disk_bytes(root)
        status = OK if free >= DISK_LOW_BYTES else WARNING
        return Check("disk", status, f"{free / GIB:.1f} GiB free at {root}", "" if status == OK else "free some disk: docker system df")

    def _memory(self) -> Check:
        available = int(self._world.access(LOCAL).describe().get("memory_available_bytes", 0))
        status = OK if available >= MEMORY_LOW_BYTES else WARNING
        return Check("memory", status, f"{available / GIB:.1f} GiB available", "" if status == OK else "a lite stack needs about 1 GiB")

    def _subnets(self) -> Check:
        pool = self._context.limits.subnet_pool
        networks = [c for n in self._world.engine(LOCAL).networks(everyones=True) for c in n.cidrs if ":" not in c]
        foreign = [c for c in networks if ip_network(c).overlaps(pool) and ip_network(c).prefixlen < 26]
        with self._world.store.read() as state:
            choose_subnets(2, [*state.taken_subnets(LOCAL), *networks], pool)
        if foreign:
            return Check("subnets", WARNING, f"{foreign[0]} overlaps the pool {pool}", "set LOOMA_SUBNET_POOL to a range of its own")
        return Check("subnets", OK, f"pool {pool}, {len(networks)} networks on the engine")

    def _ports(self) -> Check:
        listening = {listener.port for listener in self._world.access(LOCAL).listeners()}
        with self._world.store.read() as state:
            held = held_on(state, LOCAL)
        low, high = self._context.limits.port_range
        foreign = sorted(p for p in listening if low <= p <= high and ("tcp", p) not in held.ports)
        if foreign:
            return Check("ports", OK, f"{len(foreign)} ports of {low}-{high} are used by others and left alone")
        return Check("ports", OK, f"{low}-{high} for stacks")

    def _images(self) -> Check:
        if self._context.images != "local":
            return Check("images", OK, f"pulled from {self._context.registry} and the public registries")
        missing = self._missing_local_images()
        if missing:
            return Check("images", WARNING, f"not built: {', '.join(missing)}", "looma image build")
        return Check("images", OK, "the local set is built")

    def _ssh(self) -> Check:
        found = shutil.which("ssh")
        return Check("ssh", OK if found else WARNING, found or "no ssh client", "" if found else "install openssh-client for remote hosts")

    # backups
    def _restic(self) -> Check:
        version = self._backups.version()
        if version < OLDEST_RESTIC:
            return Check("restic", FAILED, f"restic {_dotted(version)} is too old", f"install restic {_dotted(OLDEST_RESTIC)} or newer")
        return Check("restic", OK, f"restic {_dotted(version)}")

    def _backup_places(self) -> Check:
        """The second place too. That there is none is said, and no more: the machine may be backed up as a whole."""
        copy = self._context.backup_copy
        for place in filter(None, (self._context.backup_repository, copy)):
            self._backups.try_place(place)
        second = f", copied to {copy}" if copy else "; no second place (LOOMA_BACKUP_COPY): a copy off the machine survives its disk"
        return Check("backup places", OK, f"{self._context.backup_repository}{second}")

    def _passphrase(self) -> Check:
        path, own = self._backups.passphrase_file()
        if not path.exists():
            if own:
                return Check("passphrase", OK, f"{path} is made with the first backup; keep a copy of it elsewhere then")
            return Check("passphrase", FAILED, f"there is no {path}", "make it, or put its copy there: without it no backup opens")
        try:
            empty, mode = not path.read_bytes().strip(), path.stat().st_mode
        except OSError as error:
            return Check("passphrase", FAILED, f"{path}: {error.strerror}", "let the user that runs looma read it")
        if empty:
            return Check("passphrase", FAILED, f"{path} is empty", "put the passphrase into it: without it no backup opens")
        if mode & 0o077:
            return Check("passphrase", WARNING, f"others may read {path}", f"chmod 600 {path}")
        return Check("passphrase", OK, f"{path}; keep a copy elsewhere: without it no backup opens")

    def _backup_schedule(self) -> Check:
        report = self._schedules.show()
        if report.schedule is None:
            return Check("backup schedule", OK, "none: looma backup schedule install has backups taken by themselves")
        if report.problem:
            return Check("backup schedule", FAILED, f"it does not run: {report.problem}", "looma backup schedule install")
        if report.advice:
            return Check("backup schedule", WARNING, report.advice, report.advice.rpartition(": ")[2])
        return Check("backup schedule", OK, f"by {report.schedule.by}, next at {report.next_run_at:%Y-%m-%d %H:%M}")


def _host(seen: Glance) -> Check:
    host, name = seen.host, f"host {seen.host.name}"
    if seen.error is not None:
        return Check(name, FAILED, seen.error.message, seen.error.hint)
    if is_untried(host):
        return Check(name, WARNING, f"{host.url} was never looked at", f"looma host check {host.name}")
    cordoned = ", cordoned" if host.cordoned else ""
    return Check(name, OK, f"{host.url}, Docker {host.engine.get('version', '')}{cordoned}")


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
