"""What looma adds to ``docker compose up -d`` of the same layer: first start, and a start of what already runs."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable

import pytest

from looma_cli.adapters.engine import EngineApi
from looma_cli.model.layer import RenderedLayer
from looma_cli.model.tenant import LayerReference
from tests.contract.engines import ComposeRig, layer, new_tenant, service

ROUNDS = 3
LIMIT = 1.15
LIMIT_AGAIN = 1.5  # a tenth of a second in all: a few requests more or less are seen


def seconds(action: Callable[[], object]) -> float:
    begun = time.perf_counter()
    action()
    return time.perf_counter() - begun


def bare(wanted: RenderedLayer) -> None:
    command = ["docker", "compose", "-p", wanted.reference.project, "-f", "-", "up", "-d"]
    subprocess.run(command, input=wanted.manifest, text=True, check=True, capture_output=True)


@pytest.mark.engine
@pytest.mark.slow
def test_start_costs_no_more_than_compose_itself(engine_required: EngineApi) -> None:
    """Turn by turn, so that whatever else the machine does meets both; the best of each is compared."""
    rig = ComposeRig(engine_required)
    reference = LayerReference(new_tenant(), "app", 1)
    wanted = layer(rig, reference, {f"api{i}": service() for i in range(6)}, subnet=rig.free_subnet())
    ways: dict[str, Callable[[], object]] = {"compose": lambda: bare(wanted), "looma": lambda: rig.engine.start(wanted)}
    first: dict[str, list[float]] = {way: [] for way in ways}
    again: dict[str, list[float]] = {way: [] for way in ways}
    try:
        for _ in range(ROUNDS):
            for way, start in ways.items():
                first[way].append(seconds(start))
                again[way].append(seconds(start))
                rig.engine.remove(reference, volumes=True)
    finally:
        rig.clean_up()
    assert compared("first start", first) <= LIMIT
    assert compared("start again", again) <= LIMIT_AGAIN


def compared(name: str, took: dict[str, list[float]]) -> float:
    """The ratio of the best rounds, printed."""
    best = {way: min(values) for way, values in took.items()}
    ratio = best["looma"] / best["compose"]
    print(f"\nengine {name}: looma {best['looma']:.2f} s, docker compose {best['compose']:.2f} s, ratio {ratio:.2f}")
    return ratio
