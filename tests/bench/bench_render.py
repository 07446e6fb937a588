"""Rendering and validating both layers of a stack, in one process: no floor, the milliseconds themselves are the figure."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

from looma_cli.model.reporting import SilentReporter
from looma_cli.model.requests import CreateRequest
from looma_cli.settings import load
from looma_cli.steps.layers import render_request
from looma_cli.wiring import RealWorld, open_looma
from tests.bench.measuring import Figure, home, seconds, shown

REPEATS = 100


def figures() -> Iterator[Figure]:
    for profile in ("lite", "full"):
        with home() as environment:
            open_looma({}, SilentReporter(), environment=environment).tenants.create(
                CreateRequest("bench", "basic", profile=profile, start=False)
            )
            spent = rendering(environment)
            yield Figure(f"render and validate basic {profile}", "", shown(spent), spent * 1000, unit=" ms")


def rendering(environment: dict[str, str]) -> float:
    """Median seconds of both layers."""
    world = RealWorld(load({}, environment), lambda pid: None)
    with world.store.read() as state:
        tenant = state.tenant("bench")
        requests = [render_request(world, state, tenant, layer, 1, True) for layer in ("data", "app")]  # type: ignore[arg-type]
    return median(seconds(lambda: [world.renderer.render(request) for request in requests]) for _ in range(REPEATS))
