"""restic's locks: whose they are, and which of them nobody holds any more.

``restic unlock`` asks whether a lock's process lives by sending it SIGHUP, which ends whatever else has got that pid by now (a lock left
before a reboot, say). So looma looks first.
"""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from looma_cli.errors import NotFound

RunRestic = Callable[..., str]

STALE = timedelta(minutes=30)  # restic renews a lock every five minutes, and takes one this old for dead
_HOLDER = re.compile(r"by PID (?P<pid>\d+) on (?P<host>\S+)")


def holder_is_dead(words: str) -> bool:
    """Whether restic's words name a process of this machine that runs no more."""
    holder = _HOLDER.search(words)
    return holder is not None and holder["host"] == socket.gethostname() and not _is_restic(int(holder["pid"]))


def has_no_locks(directory: Path) -> bool:
    """Whether a repository's directory can be seen to hold none; False as well where it cannot be read, or is no repository."""
    try:
        return (directory / "config").is_file() and not any((directory / "locks").iterdir())
    except OSError:
        return False


def remove_dead(run: RunRestic, open_seconds: float) -> None:
    """``run`` runs restic and gives back its output; the repository must be open within ``open_seconds``."""
    locks = list(_locks(run, open_seconds))
    dead = [lock for lock in locks if _is_dead(lock)]
    if not dead:
        return
    if not any(_misleads(lock) for lock in locks):
        run("unlock")
    elif len(dead) == len(locks):
        run("unlock", "--remove-all")
    # else they stay for half an hour: restic cannot remove one of several without a signal to the stranger


def _locks(run: RunRestic, open_seconds: float) -> list[Mapping[str, Any]]:
    found = []
    for name in run("list", "locks", "--no-lock", limit_seconds=open_seconds).split():
        try:
            found.append(json.loads(run("cat", "lock", name, "--no-lock")))
        except NotFound:  # released meanwhile
            continue
    return found


def _is_dead(lock: Mapping[str, Any]) -> bool:
    return _is_old(lock) or (lock["hostname"] == socket.gethostname() and not _is_restic(lock["pid"]))


def _is_old(lock: Mapping[str, Any]) -> bool:
    return datetime.now(UTC) - datetime.fromisoformat(lock["time"]) > STALE


def _misleads(lock: Mapping[str, Any]) -> bool:
    """Whether restic would send a signal to a process that is no restic, or is one that has ended and waits for its parent."""
    return lock["hostname"] == socket.gethostname() and not _is_old(lock) and _name(lock["pid"]) not in (None, "restic")


def _is_restic(pid: int) -> bool:
    return _name(pid) == "restic"


def _name(pid: int) -> str | None:
    """Of a process that runs, empty for one that has ended and waits for its parent; None where no process has that pid."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    before, _, after = state.rpartition(")")
    return "" if after.split()[0] in "ZXx" else before.partition("(")[2]
