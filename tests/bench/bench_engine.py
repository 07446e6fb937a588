"""What looma adds to ``docker compose up -d`` of the same layer: first start, and a start of what already runs."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from statistics import median

from looma_cli.adapters.engine import EngineApi
from looma_cli.adapters.engine.endpoint import resolve
from looma_cli.model.layer import RenderedLayer
from looma_cli.model.tenant import LayerReference
from tests.bench.measuring import Figure, compared, seconds
from tests.contract.engines import ComposeRig, layer, new_tenant, service

ROUNDS = 3
LIMIT = 1.15
LIMIT_AGAIN = 1.5  # a tenth of a second in all: a few requests more or less are seen


def figures() -> Iterator[Figure]:
    rig = ComposeRig(EngineApi(resolve(None, os.environ), os.environ))
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
    yield compared("one layer of six started", median(first["compose"]), median(first["looma"]), LIMIT)
    yield compared("... and once more", median(again["compose"]), median(again["looma"]), LIMIT_AGAIN)


def bare(wanted: RenderedLayer) -> None:
    command = ["docker", "compose", "-p", wanted.reference.project, "-f", "-", "up", "-d"]
    subprocess.run(command, input=wanted.manifest, text=True, check=True, capture_output=True)
