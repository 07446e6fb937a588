"""`fleet upgrade` of several tenants at once, by real processes: what a fake keeps in memory stays in each, the state is one."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from looma_cli.adapters.workers import ForkedWorkers
from looma_cli.errors import CommandFailed
from looma_cli.model.health import TenantHealth
from looma_cli.usecases.health import HealthReport
from looma_cli.usecases.rollout import Rollout
from looma_cli.wiring import open_looma
from tests.unit.fleet.rollouts import FOUR, NEW, OLD, Noting, plan_of, releases, statuses
from tests.worlds import Machine


class Well:
    """What is asked here would be looked up in the memory of the wrong process."""

    def check(self, names: list[str]) -> HealthReport:
        return HealthReport(True, tuple(TenantHealth(name, True, ()) for name in names))


class HookedEngine:
    """Calls ``hook`` with the tenant before a layer is started."""

    def __init__(self, engine: Any, hook: Callable[[str], None]) -> None:
        self._engine = engine
        self._hook = hook

    def start(self, layer: Any) -> None:
        self._hook(layer.reference.tenant)
        self._engine.start(layer)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)


def shared(machine: Machine, hook: Callable[[str], None], reporter: Noting, parallel: int = 2, **more: Any) -> Rollout:
    stop_requested = more.pop("stop_requested", lambda: False)
    engine = HookedEngine(machine.engine, hook)
    world = replace(machine.world(), engine=lambda host: engine)
    looma = open_looma({}, reporter, environment=machine.environment, world=world, stop_requested=stop_requested)
    context = replace(looma._context, workers=ForkedWorkers(world.store.close, 9))  # type: ignore[attr-defined]
    return Rollout(context, Well(), plan_of(looma, "rest"), max_failures=more.pop("max_failures", 0), parallel=parallel)  # type: ignore[arg-type]


def lines(path: Path) -> Iterator[list[str]]:
    return (line.split() for line in path.read_text().splitlines())


def test_several_at_once_and_no_more_than_asked_for(machine: Machine, tmp_path: Path) -> None:
    events = tmp_path / "events"

    def noting(tenant: str) -> None:
        with events.open("a") as file:
            file.write(f"{tenant} {os.getpid()}\n")

    reporter = Noting()
    results = {result.name: result for result in shared(machine, noting, reporter).run()}
    assert statuses(results) == dict.fromkeys(FOUR, "done")
    assert releases(machine) == dict.fromkeys(FOUR, NEW)
    pids = {pid for _, pid in lines(events)}
    assert (len(pids), str(os.getpid()) in pids) == (2, False)
    assert {f"{name}: upgrading (Start the app layer)" for name in FOUR} <= set(reporter.notes)
    assert [row for row in machine.left_in_state() if row.startswith("Lease(")] == []


def test_a_failure_in_a_worker_comes_back_and_spends_the_budget(machine: Machine) -> None:
    def failing(tenant: str) -> None:
        if tenant in ("acme", "beta"):
            raise CommandFailed("no such thing", "look")

    run = shared(machine, failing, Noting(), max_failures=0)
    results = {result.name: result for result in run.run()}
    found = statuses(results)
    assert found["acme"] == "failed"
    assert found["gamma"] == "not_begun"
    error = results["acme"].error
    assert error is not None
    assert "no such thing" in error.message
    assert releases(machine)["acme"] == OLD


def test_a_worker_that_is_killed_is_told_and_the_next_run_goes_on(machine: Machine) -> None:
    def deadly(tenant: str) -> None:
        if tenant == "acme":
            os.kill(os.getpid(), signal.SIGKILL)

    results = {result.name: result for result in shared(machine, deadly, Noting(), max_failures=1).run()}
    assert statuses(results) == {"acme": "paused", "beta": "done", "delta": "done", "gamma": "done"}
    assert "was killed" in str(results["acme"].error)
    assert [one.status for one in machine.looma().operations.list("acme")] == ["interrupted"]
    again = {result.name: result for result in shared(machine, lambda tenant: None, Noting()).run()}
    assert statuses(again) == dict.fromkeys(FOUR, "done")
    assert machine.looma().operations.list() == []


def test_ctrl_c_reaches_those_that_are_under_way_in_workers(machine: Machine) -> None:
    asked: list[str] = []
    reporter = Noting(lambda text: asked.append(text) if text.endswith("(Start the app layer)") else None)
    run = shared(machine, lambda tenant: time.sleep(2), reporter, stop_requested=lambda: bool(asked))
    results = {result.name: result for result in run.run()}
    assert statuses(results) == {"acme": "paused", "beta": "paused", "delta": "not_begun", "gamma": "not_begun"}
    assert run.interrupted
    assert releases(machine) == dict.fromkeys(FOUR, OLD)
    assert {one.tenant: one.status for one in machine.looma().operations.list()} == {"acme": "paused", "beta": "paused"}
