"""Layers are created, started, stopped and restarted: the same tests on FakeEngine and on docker compose."""

from __future__ import annotations

import pytest

from looma_cli.errors import (
    NotFound,
)
from looma_cli.model.tenant import LayerReference
from tests.contract.engine.stacks import by_component, ids, pair, states
from tests.contract.engines import (
    Rig,
    changed,
    layer,
    service,
)


def test_create_makes_everything_and_starts_nothing(rig: Rig, data: LayerReference) -> None:
    rig.engine.create(pair(rig, data))
    assert states(rig, data) == {"store": "created", "api": "created"}
    assert [v.name for v in rig.engine.volumes(data.tenant)] == [f"{data.project}_kept"]
    assert [n.name for n in rig.engine.networks()] == [data.project]


def test_create_again_changes_nothing(rig: Rig, data: LayerReference) -> None:
    wanted = pair(rig, data)
    rig.engine.create(wanted)
    before = ids(rig, data)
    rig.engine.create(wanted)
    assert ids(rig, data) == before


def test_start_runs_everything_in_dependency_order(rig: Rig, data: LayerReference) -> None:
    rig.engine.start(pair(rig, data))
    found = by_component(rig, data)
    assert {name: w.state for name, w in found.items()} == {"store": "running", "api": "running"}
    assert found["store"].health == "healthy"
    assert found["api"].health == "none"
    assert found["store"].started_at < found["api"].started_at


def test_start_after_create_and_again_keeps_the_containers(rig: Rig, data: LayerReference) -> None:
    wanted = pair(rig, data)
    rig.engine.create(wanted)
    before = ids(rig, data)
    rig.engine.start(wanted)
    rig.engine.start(wanted)
    assert ids(rig, data) == before
    assert set(states(rig, data).values()) == {"running"}


def test_a_changed_component_is_made_anew_the_other_stays(rig: Rig, data: LayerReference) -> None:
    wanted = pair(rig, data)
    rig.engine.start(wanted)
    before = ids(rig, data)
    rig.engine.start(changed(wanted, "api", environment={"LOOMA_X": "2"}))
    after = ids(rig, data)
    assert after["store"] == before["store"]
    assert after["api"] != before["api"]
    assert states(rig, data) == {"store": "running", "api": "running"}


def test_a_component_that_is_gone_from_the_manifest_is_removed(rig: Rig, data: LayerReference) -> None:
    subnet = rig.free_subnet()
    rig.engine.start(layer(rig, data, {"api": service(), "old": service()}, subnet=subnet))
    rig.engine.start(layer(rig, data, {"api": service()}, subnet=subnet))
    assert states(rig, data) == {"api": "running"}


def test_stop_keeps_the_containers_and_may_be_repeated(rig: Rig, data: LayerReference) -> None:
    wanted = pair(rig, data)
    rig.engine.start(wanted)
    before = ids(rig, data)
    rig.engine.stop(data, timeout_seconds=5)
    rig.engine.stop(data, timeout_seconds=5)
    assert states(rig, data) == {"store": "exited", "api": "exited"}
    rig.engine.start(wanted)
    assert ids(rig, data) == before
    assert states(rig, data) == {"store": "running", "api": "running"}


def test_stop_of_what_never_ran_or_is_absent_is_no_error(rig: Rig, data: LayerReference) -> None:
    rig.engine.stop(data)
    rig.engine.create(pair(rig, data))
    rig.engine.stop(data)
    assert states(rig, data) == {"store": "created", "api": "created"}


def test_restart_of_one_component_leaves_the_other(rig: Rig, data: LayerReference) -> None:
    rig.engine.start(pair(rig, data))
    before = by_component(rig, data)
    rig.engine.restart(data, "api")
    after = by_component(rig, data)
    assert after["api"].started_at > before["api"].started_at
    assert after["store"].started_at == before["store"].started_at


def test_restart_of_a_layer_restarts_all_but_finished_jobs(rig: Rig, data: LayerReference) -> None:
    job = service(says="prepared", then="exit 0")
    api = service(depends_on={"job": {"condition": "service_completed_successfully"}})
    rig.engine.start(layer(rig, data, {"job": job, "api": api}, subnet=rig.free_subnet()))
    before = by_component(rig, data)
    rig.engine.restart(data)
    after = by_component(rig, data)
    assert after["api"].started_at > before["api"].started_at
    assert (after["job"].started_at, after["job"].state) == (before["job"].started_at, "exited")


def test_restart_of_an_unknown_component_is_refused(rig: Rig, data: LayerReference) -> None:
    rig.engine.start(pair(rig, data))
    with pytest.raises(NotFound, match="nothing"):
        rig.engine.restart(data, "nothing")
