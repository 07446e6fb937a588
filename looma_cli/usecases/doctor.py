"""Checks everything that looma needs and says how to mend each."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path

from looma_cli.errors import LoomaError
from looma_cli.plan.subnets import choose_subnets
from looma_cli.usecases.context import LOCAL, Context, held_on

OK, WARNING, FAILED = "ok", "warning", "failed"
GIB = 1 << 30
DISK_LOW_BYTES = 5 * GIB
MEMORY_LOW_BYTES = 2 * GIB


@dataclass(frozen=True, slots=True)
class Check:
    """One finding: ``status`` is ok, warning or failed; ``hint`` mends it."""

    name: str
    status: str
    detail: str
    hint: str = ""


class DoctorUseCases:
    def __init__(self, context: Context, home: Path, setup_command: str, missing_local_images: Callable[[], list[str]]) -> None:
        self._context = context
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
        ]
        return [self._guarded(check) for check in checks]

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
