"""What a rig holds on this machine besides processes, and how it is given back: by its end, or by the next rig if it was killed.

A rig is numbered. Folder, link, cgroup and subnet follow from the number, so that whoever finds the folder knows all of it."""

from __future__ import annotations

import fcntl
import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from ipaddress import IPv4Network, ip_network
from pathlib import Path

from tests.engine_objects import is_stale, owner_mark

FOLDERS = Path("/var/tmp")  # a disk: overlay2 cannot stand on every tmpfs
CGROUPS = Path("/sys/fs/cgroup")
RANGE = IPv4Network("198.18.0.0/15")  # set aside for tests of network devices (RFC 2544), so nobody's own
COUNT = 512
END_SECONDS = 30


@dataclass(frozen=True)
class Claim:
    number: int

    @property
    def folder(self) -> Path:
        return FOLDERS / f"looma-rig-{self.number}"

    @property
    def link(self) -> str:
        return f"loomarig{self.number}"

    @property
    def cgroup(self) -> str:
        return f"looma-rig-{self.number}"

    @property
    def subnet(self) -> IPv4Network:
        return list(RANGE.subnets(new_prefix=24))[self.number]

    def note_process(self, pid: int) -> None:
        """So that the next rig could end it, should it not have ended with its owner."""
        with (self.folder / "processes").open("a") as processes:
            processes.write(f"{owner_mark(pid)}\n")

    def release(self) -> None:
        for mark in _lines(self.folder / "processes"):
            _end(mark)
        subprocess.run(["ip", "link", "delete", self.link], capture_output=True, check=False)
        for hierarchy in (CGROUPS, *CGROUPS.iterdir()):
            _remove_cgroup(hierarchy / self.cgroup)
        subprocess.run(["rm", "-rf", "--one-file-system", str(self.folder)], check=True)


@contextmanager
def locked() -> Iterator[None]:
    """One at a time among all rigs of this machine."""
    with (FOLDERS / "looma-rigs.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def claim() -> Claim:
    """A number that nobody has, once what killed rigs left is gone. Call it ``locked``."""
    release_abandoned()
    for number in random.sample(range(COUNT), COUNT):
        claimed = Claim(number)
        if not claimed.folder.exists() and not _is_routed(claimed.subnet):
            claimed.folder.mkdir(mode=0o755)
            (claimed.folder / "owner").write_text(owner_mark())
            return claimed
    raise AssertionError("every number of a rig is taken")


def release_abandoned() -> None:
    """A folder without an owner's mark was being made or removed when its owner was killed: nobody else is in here with us."""
    for folder in FOLDERS.glob("looma-rig-*"):
        number = folder.name.removeprefix("looma-rig-")
        if number.isdecimal() and all(is_stale(mark) for mark in _lines(folder / "owner")):
            Claim(int(number)).release()


def _is_routed(subnet: IPv4Network) -> bool:
    """Whether this machine already has a way to some of it, besides its default one."""
    routes = subprocess.run(["ip", "-4", "-o", "route", "show"], capture_output=True, text=True, check=True).stdout
    words = [line.split()[0] for line in routes.splitlines() if line]
    return any(ip_network(word).overlaps(subnet) for word in words if word[0].isdecimal())


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().split()
    except FileNotFoundError:
        return []


def _end(mark: str) -> None:
    """Kills the process that the mark names, if it is still that one, and waits until it is gone."""
    deadline = time.monotonic() + END_SECONDS
    while not is_stale(mark) and not _is_zombie(mark):
        assert time.monotonic() < deadline, f"process {mark} of a rig does not end"
        with suppress(ProcessLookupError):
            os.kill(int(mark.partition("-")[0]), signal.SIGKILL)
        time.sleep(0.05)


def _is_zombie(mark: str) -> bool:
    """Dead, but its parent has not looked yet."""
    try:
        return Path(f"/proc/{mark.partition('-')[0]}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def _remove_cgroup(group: Path) -> None:
    """Deepest first. A cgroup can be removed only a moment after its last process has gone."""
    deadline = time.monotonic() + END_SECONDS
    while group.exists():
        for below in [*sorted((path for path in group.rglob("*") if path.is_dir()), reverse=True), group]:
            with suppress(OSError):
                below.rmdir()
        assert time.monotonic() < deadline, f"{group} does not become empty"
        time.sleep(0.05 if group.exists() else 0)
