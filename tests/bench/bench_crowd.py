"""Many processes that create tenants at once: none fails, and no two get the same port or subnet."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from tests.bench.measuring import Environment, Figure, batch, home, looma, seconds, shown

PROCESSES = 32
EACH = 8


def figures() -> Iterator[Figure]:
    with home() as environment:
        files = [batch(environment["LOOMA_HOME"], [f"p{p:02}-t{t}" for t in range(EACH)]) for p in range(PROCESSES)]
        with ThreadPoolExecutor(PROCESSES) as pool:
            spent = seconds(
                lambda: list(pool.map(lambda file: looma(environment, "tenant", "create", "--from", file, "--no-start"), files))
            )
        made, collisions = outcome(environment)
        yield Figure(f"{PROCESSES} processes x {EACH} tenants: made", "", shown(spent), made, PROCESSES * EACH, least=True)
        yield Figure("... ports and subnets given twice", "", "", collisions, 0)


def outcome(environment: Environment) -> tuple[int, int]:
    """(tenants, collisions)."""
    tenants = json.loads(looma(environment, "tenant", "list", "-o", "json"))["tenants"]
    taken = Counter(port["host_port"] for tenant in tenants for port in tenant["ports"])
    taken.update(tenant["public_port"] for tenant in tenants)
    networks = Counter(subnet["cidr"] for tenant in tenants for subnet in tenant["subnets"])
    return len(tenants), sum(count - 1 for counter in (taken, networks) for count in counter.values())
