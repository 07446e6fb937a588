"""Deeds of a rehearsal: what stands in for the route, and what new layers take of the host."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from looma_cli.errors import LoomaError, Unreachable
from looma_cli.model.layer import Workload
from looma_cli.model.protocols import Engine, State
from looma_cli.model.tenant import LayerReference
from looma_cli.model.world import World
from looma_cli.steps.base import Progress, StateStep, WorldStep

# Both kinds of control groups, each with what the kernel could drop at once: as `docker stats` reckons.
MEMORY = (
    "cat /sys/fs/cgroup/memory.current /sys/fs/cgroup/memory.stat 2>/dev/null"
    " || cat /sys/fs/cgroup/memory/memory.usage_in_bytes /sys/fs/cgroup/memory/memory.stat"
)


@dataclass(frozen=True)
class RehearseMode(StateStep):
    """Stands where a switch sets the route's mode: a shadow has no route, and the time between two of these is the freeze."""

    name = "rehearse-route-mode"
    tenant: str
    host: str
    mode: str
    previous: str

    def title(self) -> str:
        return f"Note where the route would be {self.mode}"

    def do(self, world: World, state: State) -> str:
        return ""


@dataclass(frozen=True)
class MeasureLayers(WorldStep):
    """Disk and memory that layers, ``[[layer, generation], …]``, take by now, as their containers see it: ``paths`` are each component's
    volumes. What none of them tells is left out of the detail (``disk_bytes=… memory_bytes=…``)."""

    name = "measure-layers"
    tenant: str
    host: str
    layers: list[list[Any]]
    paths: Mapping[str, list[str]]

    def title(self) -> str:
        return "Measure disk and memory"

    def do(self, world: World, progress: Progress) -> str:
        engine = world.engine(self.host)
        references = [LayerReference(self.tenant, layer, generation) for layer, generation in self.layers]
        workloads = [one for one in engine.workloads(self.tenant) if one.reference in references and one.state == "running"]
        found = {
            "disk_bytes": _sum(disk_of(engine, one, self.paths.get(one.component, ())) for one in workloads),
            "memory_bytes": _sum(memory_of(engine, one) for one in workloads),
        }
        return " ".join(f"{name}={value}" for name, value in found.items() if value is not None)


def disk_of(engine: Engine, workload: Workload, paths: Sequence[str]) -> int | None:
    """Bytes in its volumes; None where it has none, or no program that counts."""
    kibibytes = re.findall(r"^(\d+)\t", _said(engine, workload, ["du", "-sk", *paths]), re.MULTILINE) if paths else []
    return sum(map(int, kibibytes)) << 10 if kibibytes else None


def memory_of(engine: Engine, workload: Workload) -> int | None:
    said = _said(engine, workload, ["sh", "-c", MEMORY])
    used = re.match(r"(\d+)\n", said)
    spare = re.search(r"^(?:total_)?inactive_file (\d+)$", said, re.MULTILINE)
    return max(0, int(used[1]) - (int(spare[1]) if spare else 0)) if used else None


def _said(engine: Engine, workload: Workload, command: list[str]) -> str:
    """What a container cannot tell is not known; that is no reason to fail."""
    try:
        return engine.execute(workload, command)[1]
    except Unreachable:
        raise
    except LoomaError:
        return ""


def _sum(values: Iterable[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def read_measures(detail: str) -> dict[str, int]:
    """Inverse of the detail of ``MeasureLayers``."""
    return {name: int(value) for name, value in re.findall(r"(\w+)=(\d+)", detail)}
