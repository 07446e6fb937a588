"""`fleet upgrade`: waves, a budget of failures, and what a run that was cut short leaves to the next one."""

from __future__ import annotations

from pathlib import Path

import pytest

from looma_cli.errors import EngineUnavailable, ImageUnavailable, InvalidValue, NotFound
from looma_cli.model.fleet import wave_sizes
from looma_cli.model.health import ProbeResult, ProbeTarget
from tests.fakes.failing import Killed
from tests.unit.fleet.rollouts import (
    FOUR,
    MIDDLE,
    NEW,
    OLD,
    Noting,
    engine_fails,
    plan_of,
    releases,
    rollout,
    serves,
    statuses,
    stop_a_service,
    upgraded,
)
from tests.worlds import Machine, lite


def test_all_are_brought_to_the_release_and_serve(machine: Machine) -> None:
    results = upgraded(machine)
    assert statuses(results) == dict.fromkeys(FOUR, "done")
    assert {(result.from_release, result.to_release) for result in results.values()} == {(OLD, NEW)}
    assert releases(machine) == dict.fromkeys(FOUR, NEW)
    assert machine.looma().health.check([]).healthy
    operations = machine.looma().operations.list(all=True)
    mine = {one.id: (one.tenant, one.kind, one.status) for one in operations}
    assert {name: mine[result.operation] for name, result in results.items() if result.operation} == {
        name: (name, "tenant.upgrade", "done") for name in FOUR
    }


def test_again_nothing_is_done(machine: Machine) -> None:
    upgraded(machine)
    before = len(machine.looma().operations.list(all=True))
    again = upgraded(machine)
    assert statuses(again) == dict.fromkeys(FOUR, "done")
    assert {(result.from_release, result.operation) for result in again.values()} == {(NEW, None)}
    assert len(machine.looma().operations.list(all=True)) == before


def test_a_dozen_in_the_usual_waves(tmp_path: Path, machine: Machine) -> None:
    """Stopped and suspended ones among them, and one of another edition."""
    looma = machine.looma()
    for number in range(8):
        looma.tenants.create(lite(f"tenant-{number}", release=OLD))
    looma.tenants.create(lite("other", edition="pro"))
    machine.looma().tenants.stop("tenant-3")
    machine.looma().tenants.suspend("tenant-4")
    plan = plan_of(machine.looma(), "1,5%,25%,rest")
    assert [len(wave.members) for wave in plan.waves] == [1, 1, 2, 7]
    assert [one.tenant.name for one in plan.left_out] == ["tenant-3"]
    results = {result.name: result.status for result in machine.looma().fleet.rollout(plan).run()}
    assert set(results.values()) == {"done"}
    after = releases(machine)
    assert (after.pop("tenant-3"), after.pop("other"), set(after.values())) == (OLD, NEW, {NEW})
    assert machine.looma().tenants.show("tenant-4").status == "suspended"


def test_the_canary_alone_fails_and_no_other_is_touched(machine: Machine) -> None:
    engine_fails(machine, 1)
    run = rollout(machine.looma())
    results = {result.name: result for result in run.run()}
    assert statuses(results) == {"acme": "failed", "beta": "not_begun", "delta": "not_begun", "gamma": "not_begun"}
    assert run.stopped == "1 failed, and --max-failures is 0"
    error = results["acme"].error
    assert error is not None
    assert "exit code 3" in error.message
    assert machine.looma().operations.show(str(results["acme"].operation)).status == "failed"
    assert releases(machine) == dict.fromkeys(FOUR, OLD)
    assert all(serves(machine, name) for name in FOUR)


def test_failures_within_the_budget_stop_nobody_else(machine: Machine) -> None:
    engine_fails(machine, 1)
    results = upgraded(machine, max_failures=1)
    assert statuses(results) == {"acme": "failed", "beta": "done", "delta": "done", "gamma": "done"}
    assert releases(machine) == {"acme": OLD, "beta": NEW, "delta": NEW, "gamma": NEW}
    assert machine.looma().health.check([]).healthy


def test_one_failure_more_than_the_budget_ends_it(machine: Machine) -> None:
    engine_fails(machine, 1)
    engine_fails(machine, 2)  # the second one after that
    assert statuses(upgraded(machine, max_failures=1)) == {"acme": "failed", "beta": "done", "delta": "failed", "gamma": "not_begun"}


def test_a_release_that_never_gets_healthy_leaves_the_old_one_serving(machine: Machine) -> None:
    machine.environment["LOOMA_HEALTH_TIMEOUT"] = "1"
    machine.engine.unhealthy = {"job-service"}
    results = upgraded(machine)
    assert statuses(results)["acme"] == "failed"
    machine.engine.unhealthy = set()
    assert releases(machine) == dict.fromkeys(FOUR, OLD)
    assert serves(machine, "acme")


def test_a_tenant_that_is_done_and_falls_ill_ends_it_before_the_next_wave(machine: Machine) -> None:
    results = {}
    for result in rollout(machine.looma()).run():
        results[result.name] = result
        if result.name == "beta" and result.status == "done":
            stop_a_service(machine, "looma-beta-app-g2")
    assert statuses(results) == {"acme": "done", "beta": "failed", "delta": "not_begun", "gamma": "not_begun"}
    error = results["beta"].error
    assert error is not None
    assert error.code == "unhealthy"
    assert "looma tenant rollback beta" in error.hint
    assert results["beta"].operation


def test_one_answer_that_came_too_late_ends_nothing(machine: Machine) -> None:
    """The look after a wave finds a service of acme's down, the second one finds it up again."""
    asked: list[str] = []
    usual = machine.health.decide

    def decide(target: ProbeTarget) -> ProbeResult | None:
        late = "look" in asked and asked.count("late") == 0
        asked.append("late" if late else "well")
        return ProbeResult(target.component, False, None, "timed out") if late else usual(target)

    results = {}
    for result in rollout(machine.looma()).run():
        results[result.name] = result
        machine.health.decide = decide
        asked[:] = ["look"] if result.name == "acme" else asked
    assert statuses(results) == dict.fromkeys(FOUR, "done")
    assert asked.count("late") == 1


def test_missing_backups_are_not_the_releases_doing(machine: Machine) -> None:
    machine.looma().schedules.install("02:00", 24)
    machine.clock.sleep(72 * 3600)
    assert not serves(machine, "acme")
    assert statuses(upgraded(machine)) == dict.fromkeys(FOUR, "done")


def test_health_that_cannot_be_seen_begins_no_further_wave(machine: Machine) -> None:
    run = rollout(machine.looma())
    results = {}
    for result in run.run():
        results[result.name] = result.status
        machine.daemon.answers = False
    assert results == {"acme": "done", "beta": "not_begun", "delta": "not_begun", "gamma": "not_begun"}
    assert isinstance(run.error, EngineUnavailable)
    assert run.stopped == run.error.message


def test_a_held_tenant_is_a_failure_with_its_reason(machine: Machine) -> None:
    with machine.world().leases.hold("tenant:beta", "op-other", "backup.create"):
        results = upgraded(machine, max_failures=1)
    assert statuses(results) == {"acme": "done", "beta": "failed", "delta": "done", "gamma": "done"}
    error = results["beta"].error
    assert error is not None
    assert (error.code, results["beta"].operation) == ("held", None)
    assert "backup.create" in error.message


def killed_in(machine: Machine, deeds: int) -> None:
    machine.engine.crash_after = deeds
    with pytest.raises(Killed):
        upgraded(machine)


def test_what_a_killed_run_left_is_resumed_first(machine: Machine) -> None:
    """Deeds enough for the first tenant and a part of the second."""
    killed_in(machine, 40)
    (left,) = machine.looma().operations.list()
    assert (left.kind, left.status) == ("tenant.upgrade", "interrupted")
    plan = plan_of(machine.looma())
    assert next((m.name, m.operation) for m in plan.members if not m.done) == (left.tenant, left.id)
    results = upgraded(machine)
    assert statuses(results) == dict.fromkeys(FOUR, "done")
    assert results[left.tenant].operation == left.id
    assert releases(machine) == dict.fromkeys(FOUR, NEW)
    assert machine.looma().operations.list() == []
    assert machine.looma().health.check([]).healthy


def test_an_interrupted_undo_is_ended_and_the_upgrade_begun_once_more(machine: Machine) -> None:
    engine_fails(machine, 1)
    machine.engine.fail_on("remove", Killed(), layer="app", call=1)
    with pytest.raises(Killed):
        upgraded(machine)
    (left,) = machine.looma().operations.list()
    assert (left.direction, left.tenant) == ("back", "acme")
    results = upgraded(machine)
    assert statuses(results) == dict.fromkeys(FOUR, "done")
    assert results["acme"].operation != left.id
    assert machine.looma().operations.show(left.id).status == "rolled_back"


def test_an_interrupted_upgrade_to_another_release_is_reported_and_left_alone(machine: Machine) -> None:
    machine.engine.crash_after = 5
    with pytest.raises(Killed):
        machine.looma().upgrades.upgrade("delta", MIDDLE)
    reporter = Noting()
    results = {result.name: result for result in rollout(machine.looma(reporter), max_failures=1).run()}
    assert statuses(results) == {"acme": "done", "beta": "done", "delta": "failed", "gamma": "done"}
    assert len(reporter.warnings) == 1
    assert "delta cannot be upgraded while its tenant.upgrade" in reporter.warnings[0]
    error = results["delta"].error
    assert error is not None
    assert "looma operation resume" in error.hint
    assert [operation.status for operation in machine.looma().operations.list("delta")] == ["interrupted"]


def test_an_engine_that_goes_away_in_the_middle_pauses(machine: Machine) -> None:
    machine.engine.fail_on("start", EngineUnavailable("the engine went away", "start it"), layer="app", call=1)
    results = upgraded(machine)
    assert statuses(results) == {"acme": "paused", "beta": "not_begun", "delta": "not_begun", "gamma": "not_begun"}
    assert machine.looma().operations.show(str(results["acme"].operation)).status == "paused"
    assert statuses(upgraded(machine)) == dict.fromkeys(FOUR, "done")
    assert releases(machine) == dict.fromkeys(FOUR, NEW)


def test_ctrl_c_ends_the_step_pauses_that_tenant_and_begins_no_other(machine: Machine) -> None:
    asked: list[str] = []
    reporter = Noting(lambda text: asked.append(text) if text == "beta: upgrading (Start the app layer)" else None)
    run = rollout(machine.looma(reporter, stop_requested=lambda: bool(asked)))
    results = {result.name: result for result in run.run()}
    assert statuses(results) == {"acme": "done", "beta": "paused", "delta": "not_begun", "gamma": "not_begun"}
    assert (run.stopped, run.interrupted) == ("interrupted", True)
    assert [operation.tenant for operation in machine.looma().operations.list()] == ["beta"]
    assert serves(machine, "beta")
    assert statuses(upgraded(machine)) == dict.fromkeys(FOUR, "done")
    assert machine.looma().operations.list() == []


def test_images_first(machine: Machine) -> None:
    """Missing ones fail the whole command, and no tenant was touched."""
    machine.daemon.images = {"looma/edge:1.0"}
    before = [one.id for one in machine.looma().operations.list(all=True)]
    with pytest.raises(ImageUnavailable):
        rollout(machine.looma())
    assert [one.id for one in machine.looma().operations.list(all=True)] == before
    shown = machine.looma().fleet.shown(plan_of(machine.looma()))
    assert any("is not on local: looma image build" in warning for warning in shown.warnings)


def test_what_does_not_exist(machine: Machine) -> None:
    with pytest.raises(NotFound):
        plan_of(machine.looma(), release="9.9.9")
    with pytest.raises(NotFound):
        machine.looma().fleet.plan("gold", NEW, wave_sizes("rest"))
    with pytest.raises(InvalidValue):
        machine.looma().fleet.plan("looma-core", NEW, wave_sizes("rest"))


def test_who_runs_what(machine: Machine) -> None:
    engine_fails(machine, 2)
    upgraded(machine)
    (basic,) = machine.looma().fleet.releases()
    assert [(row.release, row.tenants, row.serving) for row in basic.releases] == [(NEW, 1, 1), (OLD, 3, 3)]
    assert [(one.tenant, one.status) for one in basic.unfinished] == [("beta", "failed")]
    assert basic.following == f"looma fleet upgrade --edition basic --release {NEW}"
    machine.clock.sleep(60)
    upgraded(machine)
    (basic,) = machine.looma().fleet.releases()
    assert (basic.unfinished, basic.following) == ([], "")
