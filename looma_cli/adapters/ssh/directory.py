"""Private directories for the sockets of a connection: short paths, nobody else's eyes, gone with the process that made them."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import signal
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from looma_cli.errors import HostUnreachable

PREFIX = "looma-ssh-"
MARK = "LOOMA_SSH_DIRECTORY"  # in the environment of ssh and of all that it starts
# sockaddr_un has 108 bytes; ssh binds its control socket under a name that is 17 longer, and our own names take 21.
LONGEST_BASE = 64
_PLAIN = re.compile(r"/[A-Za-z0-9/._-]*")  # these stand in options and forwards of ssh, where other characters have a meaning


class PrivateDirectory:
    """``path`` (0700, of this user) lives as long as this process holds its lock, which the kernel gives back when it ends."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        base = base_for(environment)
        self.path, self._lock = _made(base)
        remove_stale(base)

    def remove(self) -> None:
        """Idempotent."""
        shutil.rmtree(self.path, ignore_errors=True)
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def base_for(environment: Mapping[str, str]) -> Path:
    """The user's runtime directory, else the one for temporary files. Raises HostUnreachable where there is none to use."""
    runtime = environment.get("XDG_RUNTIME_DIR", "")
    if runtime and _is_fit(runtime) and os.stat(runtime).st_uid == os.geteuid():
        return Path(runtime)
    for place in (environment.get("TMPDIR", ""), "/tmp", "/var/tmp"):
        if place and _is_fit(place):
            return Path(place)
    raise HostUnreachable("there is no directory for sockets", f"set TMPDIR to one whose path has at most {LONGEST_BASE} plain characters")


def _is_fit(place: str) -> bool:
    fit = len(place) <= LONGEST_BASE and _PLAIN.fullmatch(place) is not None
    return fit and os.path.isdir(place) and os.access(place, os.W_OK | os.X_OK)


def _made(base: Path) -> tuple[Path, int]:
    """A new one with its lock. Between making and locking somebody else may take it for a stale one."""
    while True:
        path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=base))
        lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        fcntl.flock(lock, fcntl.LOCK_EX)
        if path.exists():
            return path, lock
        os.close(lock)


def remove_stale(base: Path) -> None:
    """Those of processes that have ended, with what still runs on their behalf. Another user's are left alone."""
    for path in base.glob(f"{PREFIX}*"):
        with suppress(OSError):  # somebody else removes it just now, or holds it
            _remove_if_stale(path)


def _remove_if_stale(path: Path) -> None:
    lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        if os.fstat(lock).st_uid != os.geteuid():
            return
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # raises for one that is held
        for pid in _processes_of(path):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        shutil.rmtree(path, ignore_errors=True)
    finally:
        os.close(lock)


def _processes_of(path: Path) -> Iterator[int]:
    """ssh and what it started (the ssh to a jump host): all that were given its environment."""
    wanted = f"{MARK}={path}".encode()
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # ended, or another user's
            if wanted in (process / "environ").read_bytes().split(b"\0"):
                yield int(process.name)
