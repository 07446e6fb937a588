"""A proof touches no tenant, leaves no scratch, and says of a damaged set what is wrong, whichever way it ends."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from looma_cli.errors import BackupTooNew, EngineUnavailable, Held, LoomaError, Paused, SubnetTaken
from looma_cli.model.backup import BACKUP_FORMAT
from looma_cli.model.operation import about
from tests.crash.backups import COPY, NOW, PLACE, data, machine_with_sets, oldest, restore
from tests.crash.mortal import Mortal
from tests.fakes.datastore import FakeDatastore
from tests.fakes.failing import Killed
from tests.worlds import lite


@pytest.fixture
def machine(tmp_path: Path) -> Mortal:
    return machine_with_sets(tmp_path / "home")


def assert_no_scratch(machine: Mortal) -> None:
    with machine.world().store.read() as state:
        assert state.tenants(platform=True) == []
        assert {row.tenant for row in state.allocations()} <= {"acme", None}
    names = [*machine.daemon.containers, *machine.daemon.volumes, *machine.daemon.networks, *machine.left_in_files()]
    assert not [name for name in names if "scratch" in name]
    assert machine.stores.held == []
    assert machine.process().state.audit().ok
    assert machine.process().operations.list() == []


def test_a_proof_is_written_down_and_the_tenant_is_not_touched(machine: Mortal) -> None:
    before = {c.id: c.state for c in machine.daemon.containers.values()}
    backup = machine.process().backups.verify(oldest(machine))
    assert (backup.verified_at, backup.problem) == (machine.clock.now(), "")  # type: ignore[union-attr]
    assert machine.process().tenants.show("acme").last_proof == machine.clock.now()
    assert {c.id: c.state for c in machine.daemon.containers.values()} == before
    assert data(machine)["acme"] == {"mysql": NOW, "postgresql": NOW}
    assert_no_scratch(machine)


def test_the_tenant_can_be_changed_while_a_set_of_it_is_proven(machine: Mortal) -> None:
    """And lists show no scratch stack."""
    seen: list[object] = []
    restored = FakeDatastore.restore

    def meanwhile(store, streams, progress):  # type: ignore[no-untyped-def]
        if not seen:
            seen.append(machine.looma().tenants.suspend("acme").status)  # type: ignore[union-attr]
            seen.append([tenant.name for tenant in machine.looma().tenants.list()])
            seen.append(machine.looma().state.audit().ok)
        restored(store, streams, progress)

    opened = machine.stores.open

    def opening(*which):  # type: ignore[no-untyped-def]
        store = opened(*which)
        store.restore = lambda streams, progress: meanwhile(store, streams, progress)
        store.__class__ = FakeDatastore
        return store

    machine.stores.open = opening  # type: ignore[method-assign]
    machine.looma().backups.verify(oldest(machine))
    assert seen == ["suspended", ["acme"], True]


def test_the_last_tenant_may_go_meanwhile_and_takes_the_edge_with_it(machine: Mortal) -> None:
    id = oldest(machine)
    with pytest.raises(Killed):
        machine.process(12).backups.verify(id)
    machine.process().tenants.delete("acme", backup=False)
    (operation,) = machine.process().operations.list()
    assert machine.process().operations.resume(operation.id).status == "done"
    assert machine.left_on_engine() == []
    assert_no_scratch(machine)


def rot(machine: Mortal) -> None:
    machine.places[PLACE].damaged = True


def lose_a_row(machine: Mortal) -> None:
    machine.stores.damaged.add("postgresql")


def lose_a_stream(machine: Mortal) -> None:
    place = machine.places[PLACE]
    (lost,) = [id for id, one in place.stored.items() if one.snapshot.name == "mysql-0"]
    del place.stored[lost]


def break_the_manifest(machine: Mortal) -> None:
    place = machine.places[PLACE]
    (id,) = [id for id, one in place.stored.items() if one.snapshot.tags["part"] == "manifest"]
    place.stored[id] = replace(place.stored[id], data=place.stored[id].data[:-20])


@pytest.mark.parametrize(
    ("damage", "said"),
    [(rot, "verification failed"), (lose_a_row, "postgresql"), (lose_a_stream, "has lost mysql-0"), (break_the_manifest, "not readable")],
)
def test_a_damaged_set_fails_its_proof_and_is_noted(machine: Mortal, damage: object, said: str) -> None:
    damage(machine)  # type: ignore[operator]
    id = oldest(machine)
    with pytest.raises(LoomaError, match=said):
        machine.process().backups.verify(id)
    backup = machine.process().backups.show(id)
    assert backup.verified_at is None
    assert said in backup.problem
    machine.places[PLACE].damaged = False
    assert_no_scratch(machine)


def test_a_quick_proof_still_restores_and_compares(machine: Mortal) -> None:
    rot(machine)
    with pytest.raises(LoomaError):
        machine.process().backups.verify(oldest(machine), quick=True)
    machine.places[PLACE].damaged = False
    lose_a_row(machine)
    with pytest.raises(LoomaError, match="postgresql"):
        machine.process().backups.verify(oldest(machine), quick=True)
    assert_no_scratch(machine)


def test_what_a_resumed_proof_finds_is_noted_too(machine: Mortal) -> None:
    id = oldest(machine)
    with pytest.raises(Killed):
        machine.process(10).backups.verify(id)
    lose_a_row(machine)
    (operation,) = machine.process().operations.list()
    with pytest.raises(LoomaError, match="postgresql"):
        machine.process().operations.resume(operation.id)
    assert "postgresql" in machine.process().backups.show(id).problem
    assert_no_scratch(machine)


def test_a_dry_proof_of_a_damaged_set_writes_nothing(machine: Mortal) -> None:
    break_the_manifest(machine)
    with pytest.raises(LoomaError):
        machine.process().backups.verify(oldest(machine), dry_run=True)
    assert machine.process().backups.show(oldest(machine)).problem == ""


def test_a_subnet_that_is_taken_after_all_is_gone_round(machine: Mortal) -> None:
    machine.engine.fail_on("start", SubnetTaken("overlaps", "looma network list", cidr="10.192.0.128/26"), layer="data")
    backup = machine.process().backups.verify(oldest(machine))
    assert backup.verified_at is not None  # type: ignore[union-attr]
    assert_no_scratch(machine)


def newer(machine: Mortal) -> None:
    place = machine.places[PLACE]
    (id,) = [id for id, one in place.stored.items() if one.snapshot.tags["part"] == "manifest"]
    document = {**json.loads(place.stored[id].data), "format": BACKUP_FORMAT + 1, "written_by": "looma 9.0", "tenant": None}
    place.stored[id] = replace(place.stored[id], data=json.dumps(document).encode())


def test_a_set_of_a_newer_release_is_refused_and_left_alone(machine: Mortal) -> None:
    newer(machine)
    id, looma = oldest(machine), machine.process()
    attempts = (
        lambda: looma.backups.verify(id),
        lambda: looma.restores.restore(restore(backup=id)),
        lambda: looma.restores.restore(restore(backup=id, new_name="globex")),
        lambda: looma.restores.restore(restore(location="/backups")),
    )
    for attempt in attempts:
        with pytest.raises(BackupTooNew, match=r"looma 9\.0") as caught:
            attempt()
        assert caught.value.exit_code == 4
    assert machine.process().backups.show(id).problem == ""
    assert_no_scratch(machine)


def test_a_proof_of_a_set_whose_repository_moved_away_says_so_and_nothing_of_the_set(machine: Mortal) -> None:
    machine.process().backups.copy("acme", "/copies")
    machine.places[PLACE].reachable = False
    with pytest.raises(LoomaError, match="cannot be reached"):
        machine.process().backups.verify(oldest(machine))
    assert machine.process().backups.show(oldest(machine)).problem == ""
    machine.places[PLACE].reachable = True
    assert_no_scratch(machine)
    assert len(machine.places[COPY].stored) == 3


def test_a_drill_goes_on_after_a_proof_that_is_paused(machine: Mortal) -> None:
    machine.process().tenants.create(lite("beta"))
    machine.process().backups.create("beta")
    machine.engine.fail_on("start", EngineUnavailable("the engine went away", "start it"), layer="data")
    first, second = machine.process().backups.drill(3600)
    assert isinstance(first.error, Paused)
    assert (second.error, second.tenant) == (None, "beta")
    (left,) = machine.process().operations.list("acme")
    assert left.status == "paused"


def test_the_next_proof_takes_away_what_an_interrupted_one_left(machine: Mortal) -> None:
    id = oldest(machine)
    with pytest.raises(Killed):
        machine.process(12).backups.verify(id)
    (left,) = machine.process().operations.list("acme")
    machine.process().backups.verify(id)
    assert machine.process().operations.show(left.id).status == "rolled_back"
    assert_no_scratch(machine)


def test_a_proof_that_was_interrupted_once_it_was_written_down_is_finished(machine: Mortal) -> None:
    id = oldest(machine)
    for at in range(13, 60):
        one = machine.copy(machine.home.with_name(f"at-{at}"))
        looma = one.process(at)
        with suppress(Killed):
            looma.backups.verify(id)
        if one.process().backups.show(id).verified_at:
            break
    (left,) = one.process().operations.list("acme")
    one.process().backups.verify(id)
    assert one.process().operations.show(left.id).status == "done"
    assert_no_scratch(one)


def test_a_proof_belongs_to_its_tenant_in_every_listing_and_holds_it_not(machine: Mortal) -> None:
    with pytest.raises(Killed):
        machine.process(12).backups.verify(oldest(machine))
    looma = machine.process()
    (proof,) = looma.operations.list("acme")
    assert (proof.kind, about(proof)) == ("backup.verify", "acme")
    assert looma.operations.list(proof.tenant) == [proof]
    assert [one.id for one in looma.status.tenant("acme").operations] == [proof.id]
    assert looma.operations.list("beta") == []
    assert looma.tenants.stop("acme").status == "stopped"  # type: ignore[union-attr]
    looma.tenants.delete("acme", backup=False)
    machine.process().operations.resume(proof.id)
    past = machine.process().operations.list("acme", all=True)
    assert {one.kind for one in past} >= {"backup.verify", "tenant.delete"}
    assert past == sorted(past, key=lambda one: (one.started_at, one.id), reverse=True)


def test_the_same_set_is_not_proven_twice_at_once(machine: Mortal) -> None:
    id, met = oldest(machine), []
    restored = FakeDatastore.restore

    def meanwhile(store, streams, progress):  # type: ignore[no-untyped-def]
        if not met:
            with pytest.raises(Held, match="is being proven already") as caught:
                machine.looma().backups.verify(id)
            met.append(caught.value.exit_code)
        restored(store, streams, progress)

    opened = machine.stores.open

    def opening(*which):  # type: ignore[no-untyped-def]
        store = opened(*which)
        store.restore = lambda streams, progress: meanwhile(store, streams, progress)
        return store

    machine.stores.open = opening  # type: ignore[method-assign]
    assert machine.looma().backups.verify(id).verified_at is not None  # type: ignore[union-attr]
    assert met == [4]
    assert machine.looma().backups.show(id).problem == ""


def test_a_drill_goes_on_after_a_set_that_is_damaged(machine: Mortal) -> None:
    machine.process().tenants.create(lite("beta"))
    machine.process().backups.create("beta")
    lose_a_stream(machine)
    outcomes = list(machine.process().backups.drill(3600))
    assert {one.tenant: one.error is None for one in outcomes} == {"acme": False, "beta": True}
