"""Processes of this machine, as /proc shows them: by pid and start time, so that a reused pid is never mistaken for the old one."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from functools import cache
from pathlib import Path

INITIAL_PID_NAMESPACE = "pid:[4026531836]"  # PROC_PID_INIT_INO of the kernel
_ENDED = ("Z", "X", "x")


@dataclass(frozen=True, slots=True)
class Process:
    """One line of /proc/PID/stat: ``started`` is in clock ticks since boot; a zombie or dead process is not ``running``."""

    pid: int
    running: bool
    group: int
    started: int


def look_up(pid: int) -> Process | None:
    """None when there is none, or when /proc does not show it."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError, PermissionError, NotADirectoryError):
        return None
    fields = text.rpartition(")")[2].split()  # the name before may hold anything, blanks and parentheses too
    return Process(pid, fields[0] not in _ENDED, int(fields[2]), int(fields[19]))


@cache
def started(pid: int) -> int:
    """When a process began that lives as long as this one, in clock ticks since boot; 0 when /proc does not show it."""
    process = look_up(pid)
    return process.started if process else 0


def exists_unseen(pid: int) -> bool:
    """Whether there is such a process though /proc hides it (hidepid): its start time cannot be compared then."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def members(group: int) -> list[Process]:
    """Running processes of a process group."""
    found = (look_up(int(entry)) for entry in os.listdir("/proc") if entry.isdigit())
    return [process for process in found if process is not None and process.running and process.group == group]


def send(process: Process, number: signal.Signals) -> None:
    """To its whole group when it leads one, else to it alone, so that nobody else's group is hit. Gone already is no error."""
    try:
        if process.group == process.pid:
            os.killpg(process.pid, number)
        else:
            os.kill(process.pid, number)
    except ProcessLookupError:
        return


@cache
def machine(name: str | None = None) -> str:
    """This machine as leases name it: a name (its host name, if none is given) and machine id; in a container also its pid namespace, since
    pids of another one mean nothing here."""
    identity = _read("/etc/machine-id")[:12] or _read("/proc/sys/kernel/random/boot_id")[:12]
    namespace = os.readlink("/proc/self/ns/pid")
    suffix = "" if namespace == INITIAL_PID_NAMESPACE else "/" + namespace.strip("pid:[]")
    return f"{name or os.uname().nodename}/{identity}{suffix}"


@cache
def user() -> str:
    """Name of the effective user, or its number where it has no name."""
    import pwd

    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="ascii").strip()
    except OSError:
        return ""
