"""The contract of State: operations with their steps, and leases."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from types import MappingProxyType

import pytest

from looma_cli.adapters.database.columns import IS_OPEN
from looma_cli.adapters.database.store import DatabaseStore
from looma_cli.errors import AlreadyExists, Held, NotFound
from looma_cli.model.operation import OPEN_STATUSES, OPERATION_STATUSES, Holder, Lease, Operation, Plan, PlannedStep, StepRecord
from tests.contract.test_store import bare, statements
from tests.factories import NOW

CLOSED = tuple(status for status in OPERATION_STATUSES if status not in OPEN_STATUSES)
STEPS = (PlannedStep("reserve-tenant", {"tenant": "acme", "ports": [1, 2], "nested": {"ü": None}}, "new"), PlannedStep("start-layer", {}))


def operation(id: str = "op-1", tenant: str = "acme", **changes: object) -> Operation:
    plan = Plan("create", tenant, STEPS, 1, ("+ container 中文",), ("no backup",))
    records = tuple(StepRecord(step.name) for step in plan.steps)
    return replace(Operation(id, "create", tenant, "local", "running", plan, records, NOW), **changes)


def test_an_operation_comes_back_as_it_was_added(store: DatabaseStore) -> None:
    step = StepRecord("reserve-tenant", "done", NOW, 12, "18 ports")
    whole = operation(
        finished_at=NOW, direction="back", result={"url": "http://x", "n": [1]}, error="cut off", steps=(step, StepRecord("start-layer"))
    )
    with store.write() as state:
        state.add_operation(whole)
    with store.read() as state:
        assert state.operation("op-1") == whole


def test_any_mapping_can_be_a_result_or_the_fields_of_a_step(store: DatabaseStore) -> None:
    step = PlannedStep("start-layer", MappingProxyType({"layer": "app"}))
    plan = Plan("start", "acme", (step,), 0)
    with store.write() as state:
        state.add_operation(operation(plan=plan, steps=(StepRecord("start-layer"),), result=MappingProxyType({"a": 1})))
        found = state.operation("op-1")
    assert (found.plan.steps[0].params, found.result) == ({"layer": "app"}, {"a": 1})


def test_the_order_of_a_plans_fields_is_kept(store: DatabaseStore) -> None:
    params = {"zeta": 1, "alpha": 2, "mid": 3}
    with store.write() as state:
        state.add_operation(operation(plan=Plan("k", "acme", (PlannedStep("s", params),), 0), steps=(StepRecord("s"),)))
        assert list(state.operation("op-1").plan.steps[0].params) == ["zeta", "alpha", "mid"]


@pytest.mark.parametrize("status", OPEN_STATUSES)
def test_a_tenant_has_one_unfinished_operation(store: DatabaseStore, status: str) -> None:
    with store.write() as state:
        state.add_operation(operation("op-1", status=status))
        state.add_operation(operation("op-2", "other"))
        with pytest.raises(Held, match=rf"tenant acme .*create op-1 \({status}, since 2026-01-02T03:04:05Z\)") as caught:
            state.add_operation(operation("op-3"))
        assert "looma operation resume op-1" in caught.value.hint
        assert caught.value.details["operation"] == "op-1"
        found = state.open_operation("acme")
        assert found is not None
        assert (found.id, found.status) == ("op-1", status)
    with store.read() as state:
        assert [found.id for found in state.operations()] == ["op-2", "op-1"]


@pytest.mark.parametrize("status", CLOSED)
def test_a_finished_operation_makes_room_for_the_next(store: DatabaseStore, status: str) -> None:
    with store.write() as state:
        state.add_operation(operation("op-1"))
        state.save_operation(operation("op-1", status=status, finished_at=NOW))
        assert state.open_operation("acme") is None
        state.add_operation(operation("op-2"))
        with pytest.raises(Held, match="op-2"):
            state.save_operation(operation("op-1", status="running"))
        assert state.operation("op-1").status == status


def test_an_id_is_given_once(store: DatabaseStore) -> None:
    with store.write() as state:
        state.add_operation(operation("op-1", status="done"))
        with pytest.raises(AlreadyExists, match="operation op-1 exists"):
            state.add_operation(operation("op-1", "other"))
        assert len(state.operation("op-1").steps) == 2


def test_saving_an_operation_leaves_plan_and_steps_alone(store: DatabaseStore) -> None:
    with store.write() as state:
        state.add_operation(operation())
        state.mark_step("op-1", 0, "done", detail="ok")
        changed = operation(status="failed", direction="back", finished_at=NOW, result={"a": 1}, error="nginx said no\0")
        state.save_operation(replace(changed, plan=Plan("other", "acme", (), 0), steps=()))
        found = state.operation("op-1")
    assert (found.status, found.direction, found.finished_at, found.result) == ("failed", "back", NOW, {"a": 1})
    assert found.error is not None
    assert found.error.startswith("nginx said no")
    assert found.plan == operation().plan
    assert [step.status for step in found.steps] == ["done", "todo"]


def test_marking_a_step_sets_what_is_given_and_keeps_the_rest(store: DatabaseStore) -> None:
    with store.write() as state:
        state.add_operation(operation())
        state.mark_step("op-1", 1, "started", at=NOW)
    with store.write() as state:
        state.mark_step("op-1", 1, "done", duration_ms=1234, detail="started 10 containers")
        assert state.operation("op-1").steps == (
            StepRecord("reserve-tenant"),
            StepRecord("start-layer", "done", NOW, 1234, "started 10 containers"),
        )
        state.mark_step("op-1", 1, "undoing", at=NOW + timedelta(seconds=1))
        assert state.operation("op-1").steps[1].detail == "started 10 containers"


def test_a_mark_commits_together_with_its_deed_or_not_at_all(store: DatabaseStore) -> None:
    with store.write() as state:
        state.add_operation(operation())

    def fail() -> None:
        with store.write() as state:
            state.add_tenant(bare())
            state.mark_step("op-1", 0, "done")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    with store.read() as state:
        assert state.operation("op-1").steps[0].status == "todo"
        assert not state.has_tenant("acme")


def test_only_the_beginning_of_a_deed_and_the_end_of_an_operation_must_survive_a_power_failure(store: DatabaseStore) -> None:
    for deed, durable in (
        (lambda state: state.add_operation(operation()), False),
        (lambda state: state.save_operation(operation(status="running")), False),
        (lambda state: state.mark_step("op-1", 0, "started"), True),
        (lambda state: state.mark_step("op-1", 0, "done"), False),
        (lambda state: state.mark_step("op-1", 0, "undoing"), True),
        (lambda state: state.mark_step("op-1", 0, "undone"), False),
        (lambda state: state.save_operation(operation(status="paused")), True),
        (lambda state: state.save_operation(operation(status="done")), True),
        (lambda state: state.save_lease(LEASE), False),
    ):
        with store.write() as state:
            deed(state)
            assert state.durable is durable
    with store.read() as state:
        assert state.operation("op-1").status == "done"


def test_an_open_operation_is_found_by_its_index(store: DatabaseStore) -> None:
    with store.write() as state:
        for number in range(300):
            state.add_operation(operation(f"op-{number}", f"tenant-{number % 10}", status="done"))
        state.add_operation(operation("op-open"))
        found = state.open_operation("acme")
    assert found is not None
    assert found.id == "op-open"
    if store.url.startswith("sqlite"):
        query = f"EXPLAIN QUERY PLAN SELECT id FROM operations WHERE tenant = 'acme' AND {IS_OPEN}"
        with store.connection() as connection:
            assert "uq_operations_open_tenant" in str(connection.exec_driver_sql(query).all())


def test_what_is_not_there_is_not_found(store: DatabaseStore) -> None:
    with store.write() as state:
        state.add_operation(operation())
        with pytest.raises(NotFound, match="no operation op-9"):
            state.operation("op-9")
        with pytest.raises(NotFound, match="no operation op-9"):
            state.save_operation(operation("op-9", "other"))
        for id, index in (("op-1", 2), ("op-9", 0)):
            with pytest.raises(NotFound, match=f"operation {id} has no step {index}"):
                state.mark_step(id, index, "done")
        assert state.open_operation("nobody") is None


def test_operations_are_listed_newest_first_in_two_queries(store: DatabaseStore) -> None:
    with store.write() as state:
        for index in range(6):
            status = "running" if index > 3 else "done"
            state.add_operation(operation(f"op-{index}", f"t{index}", status=status, started_at=NOW + timedelta(minutes=index)))
    with store.read() as state, statements(state) as seen:
        everything = state.operations()
        assert len(seen) == 2
        assert [found.id for found in everything] == [f"op-{index}" for index in (5, 4, 3, 2, 1, 0)]
        assert all([step.name for step in found.steps] == ["reserve-tenant", "start-layer"] for found in everything)
        assert [found.id for found in state.operations(open_only=True)] == ["op-5", "op-4"]
        assert [found.id for found in state.operations(limit=2)] == ["op-5", "op-4"]
        assert [found.id for found in state.operations(tenant="t1")] == ["op-1"]
        assert state.operations(tenant="t1", open_only=True) == []


def test_the_history_outlives_the_tenant(store: DatabaseStore) -> None:
    with store.write() as state:
        state.add_tenant(bare())
        state.add_operation(operation())
        state.remove_tenant("acme")
        assert state.operation("op-1").status == "running"


# leases
LEASE = Lease(
    "tenant:acme", Holder("root", "machine/0123", 4711, 99_999_999_999), "op-1", "create", NOW, NOW + timedelta(seconds=30), 4712, 5
)


def test_a_lease_is_saved_replaced_and_removed(store: DatabaseStore) -> None:
    without_child = replace(LEASE, child=None, child_started=None, operation=None)
    with store.write() as state:
        assert state.lease("tenant:acme") is None
        state.save_lease(LEASE)
        state.save_lease(replace(LEASE, resource="edge:local"))
        assert state.lease("tenant:acme") == LEASE
        state.save_lease(without_child)
    with store.write() as state:
        assert state.leases() == [replace(LEASE, resource="edge:local"), without_child]
        state.remove_lease("tenant:acme")
        state.remove_lease("tenant:acme")
        assert state.lease("tenant:acme") is None
