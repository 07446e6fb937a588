"""Allocating and rendering hundreds of tenants, and looking at them, against a script that selects the rows with sqlmodel."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from statistics import median

from tests.bench import floors
from tests.bench.measuring import Environment, Figure, batch, compared, home, looma, medians, run, seconds, shown

LIMIT = 1.3
PER_SECOND = 100.0
CREATIONS = 3


def figures() -> Iterator[Figure]:
    with home() as environment:
        create(environment, 100)
        yield against_rows(environment, "tenant list, 100 tenants", "tenant", "list")
    took = []
    for again in range(CREATIONS):
        with home() as environment:
            took.append(create(environment, 300))
            if again == CREATIONS - 1:
                yield rate(median(took))
                yield against_rows(environment, "tenant list -o json, 300 tenants", "tenant", "list", "-o", "json")
                yield against_rows(environment, "status, 300 tenants", "status")


def create(environment: Environment, count: int) -> float:
    """Seconds of the whole process."""
    file = batch(environment["LOOMA_HOME"], [f"tenant-{number:03}" for number in range(count)])
    spent = seconds(lambda: looma(environment, "tenant", "create", "--from", file, "--no-start", "-o", "json"))
    listed = json.loads(looma(environment, "tenant", "list", "-o", "json"))["tenants"]
    assert [tenant["status"] for tenant in listed] == ["created"] * count
    return spent


def rate(spent: float) -> Figure:
    return Figure("300 tenants, --no-start", "", shown(spent), 300 / spent, PER_SECOND, least=True, unit="/s")


def against_rows(environment: Environment, name: str, *arguments: str) -> Figure:
    script = (sys.executable, "-c", floors.ROWS, f"{environment['LOOMA_HOME']}/looma.db")
    floor, ours = medians(lambda: run(script, environment), lambda: looma(environment, *arguments))
    return compared(name, floor, ours, LIMIT)
