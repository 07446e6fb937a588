"""Why a fresh datastore could not be filled: said before the undo removes its container, and with it its log."""

from __future__ import annotations

import re
from collections.abc import Iterator

from looma_cli.errors import LoomaError, ReplicationFailed, Unreachable
from looma_cli.model.layer import Workload
from looma_cli.model.world import World

LOOKED_AT, KEPT = 200, 8  # lines of its log: a server that ends over it says a lot after that
LEAST_SHARE = 0.02
# as MySQL and MariaDB, PostgreSQL, Redis, tar and the shell say it
_NO_ROOM = re.compile(
    r"no space left on device|errcode: 28\b|errno:? 28\b|\berror 28\b|the table '.*' is full|disk is full|out of disk space", re.IGNORECASE
)
_TELLING = re.compile(r"\[ERROR\]|\b(ERROR|FATAL|PANIC):")


def not_filled(world: World, host: str, follower: Workload, paths: list[str], error: LoomaError) -> LoomaError:
    """The error with the last lines of the new datastore's log as ``details['log']``; where it has no room left, that is what it says."""
    if isinstance(error, Unreachable):  # nobody answers: what is the matter is not known
        return error
    said = list(_last_lines(world, host, follower))
    log = ([line for line in said if _TELLING.search(line)] or said)[-KEPT:]
    full = _full(world, host, follower, paths)
    if not full and not any(_NO_ROOM.search(text) for text in (error.message, *said)):
        error.details.setdefault("log", log)
        return error
    place = f" on {full}" if full else ""
    return ReplicationFailed(
        f"the new {follower.component} has no room left{place}: {error.message}",
        f"make room for as much again as the present {follower.component} takes on {host} (or in its volume), and try again",
        **{**error.details, "log": log},
    )


def _last_lines(world: World, host: str, workload: Workload) -> Iterator[str]:
    try:
        for line in world.engine(host).logs(workload, tail=LOOKED_AT, follow=False, since=None):
            if line.strip():
                yield line.rstrip()[:300]
    except LoomaError:
        return


def _full(world: World, host: str, workload: Workload, paths: list[str]) -> str:
    """The file system below one of the paths that is as good as full, as ``/data (110 MiB)``; empty where none is, or nobody can say."""
    try:
        _, said = world.engine(host).execute(workload, ["df", "-Pk", *paths])
    except LoomaError:
        return ""
    for size, _, free, _, place in re.findall(r"(\d+) +(\d+) +(\d+) +(\d+%) +(/\S*)$", said, re.MULTILINE):
        if int(free) < int(size) * LEAST_SHARE:
            return f"{place} ({int(size) >> 10} MiB)"
    return ""
