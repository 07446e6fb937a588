"""What tests of `fleet upgrade` share: four tenants, and short words for what they do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from looma_cli.errors import CommandFailed
from looma_cli.model.fleet import FleetPlan, FleetResult, wave_sizes
from looma_cli.model.reporting import SilentReporter
from looma_cli.usecases.rollout import Rollout
from looma_cli.wiring import Looma
from tests.worlds import Machine

OLD, MIDDLE, NEW = "1.4.1", "1.4.2", "1.5.0"
FOUR = ("acme", "beta", "delta", "gamma")


def plan_of(looma: Looma, waves: str = "1,1,rest", release: str = NEW) -> FleetPlan:
    return looma.fleet.plan("basic", release, wave_sizes(waves))


def rollout(looma: Looma, waves: str = "1,1,rest", release: str = NEW, **more: Any) -> Rollout:
    return looma.fleet.rollout(plan_of(looma, waves, release), **more)


def upgraded(machine: Machine, **more: Any) -> dict[str, FleetResult]:
    return {result.name: result for result in rollout(machine.looma(), **more).run()}


def statuses(results: dict[str, FleetResult]) -> dict[str, str]:
    return {name: results[name].status for name in sorted(results)}


def releases(machine: Machine) -> dict[str, str]:
    return {tenant.name: tenant.release for tenant in machine.looma().tenants.list()}


def serves(machine: Machine, name: str) -> bool:
    return machine.looma().health.check([name]).healthy


def engine_fails(machine: Machine, call: int) -> None:
    """The ``call``-th tenant's new services cannot be started."""
    machine.engine.fail_on("start", CommandFailed("the service ended with exit code 3", "look at its log"), layer="app", call=call)


def stop_a_service(machine: Machine, project: str) -> None:
    next(one for one in machine.daemon.containers.values() if one.project == project and one.ports).state = "exited"


class Noting(SilentReporter):
    def __init__(self, heard: Callable[[str], None] = lambda text: None) -> None:
        self.notes: list[str] = []
        self.warnings: list[str] = []
        self._heard = heard

    def note(self, text: str) -> None:
        self.notes.append(text)
        self._heard(text)

    def warn(self, text: str) -> None:
        self.warnings.append(text)
