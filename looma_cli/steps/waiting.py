"""Waiting until a layer is healthy: as a step, and after an undo that started a layer again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from looma_cli.errors import LoomaError, Unhealthy
from looma_cli.model.layer import Workload
from looma_cli.model.probing import from_here, probe_targets
from looma_cli.model.world import World
from looma_cli.steps.base import Progress, WorldStep

POLL_SECONDS = 0.15
LOG_LINES = 8
MOST_RESTARTS = 3


@dataclass(frozen=True)
class AwaitHealthy(WorldStep):
    """Wait until every component of a layer answers its probe. Fails at once for a container that ended or keeps restarting."""

    name = "await-healthy"
    tenant: str
    layer: str
    host: str
    generation: int | None = None  # of a layer beside the tenant's own
    changes: Mapping[str, Any] = field(default_factory=dict)  # of the record, which it has not got yet
    seconds: float | None = None  # instead of the settings' time-out: somebody is kept waiting
    tolerant: bool = False  # what cannot be healthy yet is looked at again later

    def title(self) -> str:
        return f"Wait until the {self.layer} layer is healthy"

    def do(self, world: World, progress: Progress) -> str:
        try:
            count = wait_until_healthy(
                world, self.tenant, self.layer, self.host, progress, self.generation, changes=self.changes, seconds=self.seconds
            )
        except Unhealthy as error:
            if self.tolerant:
                return f"not yet: {error.message}"
            raise
        return f"{count} healthy"


def settle(world: World, tenant: str, layer: str, host: str, progress: Progress) -> str:
    """Wait as far as it goes: a layer that was not healthy before an operation must not keep it from being undone."""
    try:
        wait_until_healthy(world, tenant, layer, host, progress)
    except Unhealthy as error:
        return error.message
    return ""


def wait_until_healthy(
    world: World,
    tenant_name: str,
    layer: str,
    host: str,
    progress: Progress,
    generation: int | None = None,
    *,
    changes: Mapping[str, Any] | None = None,
    seconds: float | None = None,
) -> int:
    """Number of components once all answer. Raises Unhealthy after ``health_timeout``, or at once where waiting cannot help."""
    with world.store.read() as state:
        tenant = state.tenant(tenant_name)
    tenant = tenant.at([] if generation is None else [[layer, generation]], changes)
    limit = world.health_timeout if seconds is None else seconds
    engine, edition = world.engine(host), world.catalog.edition(tenant.edition)
    targets = from_here(probe_targets(tenant, edition, layer), world.access(host))
    deadline = world.clock.now().timestamp() + limit
    waiting = {target.component for target in targets}
    while True:
        results = world.health.probe([target for target in targets if target.component in waiting])
        waiting -= {result.component for result in results if result.healthy}
        progress(f"{len(targets) - len(waiting)} of {len(targets)} healthy")
        if not waiting:
            return len(targets)
        workloads = [w for w in engine.workloads(tenant_name) if w.reference == tenant.layer(layer) and w.component in waiting]
        refuse_ended(engine.logs, workloads)
        if world.clock.now().timestamp() > deadline:
            details = "; ".join(f"{result.component}: {result.detail}" for result in results if not result.healthy)
            log = [line for workload in workloads[:1] for line in _last_words(engine.logs, workload)]
            raise Unhealthy(f"not healthy after {limit:.0f} s: {details}", f"looma tenant logs {tenant_name}", log=log)
        world.clock.sleep(POLL_SECONDS)


def refuse_ended(logs: Callable[..., Iterable[str]], workloads: list[Workload]) -> None:
    """Raise for a component that will not become healthy by waiting, with its last words."""
    for workload in workloads:
        if workload.state not in ("exited", "dead") and workload.restarts < MOST_RESTARTS:
            continue
        last = _last_words(logs, workload)
        words = f": {last[-1]}" if last else ""
        facts = {"component": workload.component, "exit_code": workload.exit_code, "out_of_memory": workload.out_of_memory}
        raise Unhealthy(
            f"{workload.component} {_how_it_ended(workload)}{words}",
            "its last lines are above; with -o json they are in details.log",
            log=last,
            **facts,
        )


def _how_it_ended(workload: Workload) -> str:
    if workload.out_of_memory:
        return "ran out of memory"
    if workload.exit_code is None:
        return f"keeps restarting ({workload.restarts} times)"
    return f"ended with exit code {workload.exit_code}"


def _last_words(logs: Callable[..., Iterable[str]], workload: Workload) -> list[str]:
    try:
        lines = [line.rstrip() for line in logs(workload, tail=LOG_LINES, follow=False, since=None)]
    except LoomaError:
        return []
    return [line for line in lines if line]
