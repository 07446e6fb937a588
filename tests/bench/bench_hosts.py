"""A provider's whole fleet in one state: 10,000 tenants placed over 40 hosts that are only recorded, and looking at them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from statistics import median

from tests.bench import floors
from tests.bench.measuring import LOOMA, Environment, Figure, batch, compared, home, looma, medians, run, seconds, shown

HOSTS = 40
TENANTS = int(os.environ.get("LOOMA_BENCH_TENANTS", "10000"))  # fewer, for a quick look: the limits are of 10,000
PER_SECOND = 100.0
LIST_SECONDS, STATUS_SECONDS, MEGABYTES, PORTS = 2.0, 2.5, 300.0, 1.3
ROUNDS = 3
CAPACITY = "cpus=64,memory=4TiB,disk=100TiB"


def figures() -> Iterator[Figure]:
    with home() as environment:
        record_hosts(environment)
        file = batch(environment["LOOMA_HOME"], [f"tenant-{number:05}" for number in range(TENANTS)])
        spent, peak = measured(environment, "tenant", "create", "--from", file, "--no-start", "-o", "json")
        rate = TENANTS / spent
        yield Figure(f"{TENANTS} tenants on {HOSTS} hosts, --no-start", "", shown(spent), rate, PER_SECOND, least=True, unit="/s")
        yield memory("... memory", peak)
        yield Figure("... hosts without their share of tenants", "", "", unfair(environment), 0)
        yield from timed(environment, "tenant list -o json", LIST_SECONDS, "tenant", "list", "-o", "json")
        yield from timed(environment, "tenant list", LIST_SECONDS, "tenant", "list")
        yield from timed(environment, "status", STATUS_SECONDS, "status")
        yield from timed(environment, "status -o json", STATUS_SECONDS, "status", "-o", "json")
        yield against_rows(environment, "port list --host, of one host", "port", "list", "--host", name(7))


def name(number: int) -> str:
    return f"host-{number:02}"


def record_hosts(environment: Environment) -> None:
    for number in range(HOSTS):
        looma(environment, "host", "add", name(number), f"ssh://root@10.1.0.{number + 1}", "--offline", "--capacity", CAPACITY)


def measured(environment: Environment, *arguments: str) -> tuple[float, float]:
    """Seconds and peak resident megabytes of one command, the processes that it forks among them."""
    peak = 0.0

    def command() -> None:
        nonlocal peak
        unseen = subprocess.DEVNULL  # with progress, which is written all the same
        process = subprocess.Popen((*LOOMA, *arguments), env={**os.environ, **environment}, stdout=unseen, stderr=unseen)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0, f"{arguments} ended with {process.returncode}"
        peak = usage.ru_maxrss * 1024 / 1e6

    return seconds(command), peak


def timed(environment: Environment, what: str, limit: float, *arguments: str) -> Iterator[Figure]:
    """Not a ratio: the issue names seconds."""
    measured(environment, *arguments)
    taken: Sequence[tuple[float, float]] = [measured(environment, *arguments) for _ in range(ROUNDS)]
    spent = median(each for each, _ in taken)
    yield Figure(what, "", shown(spent), spent, limit, unit=" s")
    yield memory("... memory", max(peak for _, peak in taken))


def memory(what: str, peak: float) -> Figure:
    return Figure(what, "", "", peak, MEGABYTES, unit=" MB")


def unfair(environment: Environment) -> int:
    """Hosts that got less than half or more than twice their share."""
    tenants = json.loads(looma(environment, "tenant", "list", "-o", "json"))["tenants"]
    assert len(tenants) == TENANTS
    counts, share = Counter(tenant["host"] for tenant in tenants), TENANTS / HOSTS
    return sum(not share / 2 <= counts[name(number)] <= share * 2 for number in range(HOSTS))


def against_rows(environment: Environment, what: str, *arguments: str) -> Figure:
    script = (sys.executable, "-c", floors.PORTS, f"{environment['LOOMA_HOME']}/looma.db", arguments[-1])
    floor, ours = medians(lambda: run(script, environment), lambda: looma(environment, *arguments))
    return compared(what, floor, ours, PORTS)
