"""``tenant upgrade``, ten in a row, under 200 requests a second (half are writes, half of the clients keep no connection): how many fail,
and what the slowest hundredth has to wait, against the same load on a tenant that is left alone."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from itertools import cycle, islice

from tests.bench.bench_create import create, engine_home
from tests.bench.load import Carried, RecordLoad
from tests.bench.measuring import Environment, Figure, looma

NAME = "bench"
UPGRADES = int(os.environ.get("LOOMA_BENCH_UPGRADES", "10"))
PACE = 200
ALONE_SECONDS = 20
LEAST_REQUESTS = 2000 * UPGRADES
SLOWER_LIMIT = 8.0


def figures() -> Iterator[Figure]:
    with engine_home() as ours:
        create(ours)
        url = json.loads(looma(ours, "tenant", "show", NAME, "-o", "json"))["url"]
        alone = RecordLoad(url, PACE, half_close=True).run(ALONE_SECONDS)
        changes = threading.Thread(target=lambda: upgrades(ours))
        changes.start()
        during = RecordLoad(url, PACE, half_close=True).run(LEAST_REQUESTS / PACE, also_while=changes.is_alive)
        changes.join()
        yield Figure(f"failed requests over {UPGRADES} upgrades", "", said(during), float(during.failed), 0)
        yield Figure("requests meanwhile", "", str(during.answered), float(during.answered), LEAST_REQUESTS, least=True)
        shown = (f"{value * 1000:.0f} ms" for value in (alone.p99_seconds, during.p99_seconds))
        yield Figure("99th percentile during an upgrade", *shown, during.p99_seconds / alone.p99_seconds, SLOWER_LIMIT)


def said(carried: Carried) -> str:
    return f"{carried.failed} of {carried.answered}" + "".join(f", {count} x {status}" for status, count in carried.failures.items())


def upgrades(ours: Environment) -> None:
    for release in islice(cycle(("1.4.2", "1.5.0")), UPGRADES):
        looma(ours, "tenant", "upgrade", NAME, "--release", release)
