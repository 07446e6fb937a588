"""Plans of moves, as lists of steps: pure, nothing is started."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from looma_cli.errors import Conflict, NotAllowed, PortTaken
from looma_cli.model.host import Host, Reservation
from looma_cli.model.move import MoveRequest
from looma_cli.model.operation import Plan
from looma_cli.model.switch import Room, StoreSeen
from looma_cli.model.tenant import LayerReference
from looma_cli.plan.backups import NewBackup
from looma_cli.plan.move import Arrival, plan_move
from looma_cli.plan.observation import Held, HostObservation
from looma_cli.steps.base import read_step
from tests.factories import NOW
from tests.unit.switching.test_plans import LIMITS, ROOM, stores, tenant
from tests.worlds import CATALOG

SEEN = HostObservation(Host("b", "ssh://root@b", "10.0.0.2", "ready"), frozenset({("tcp", 22)}), (), (1, 45), NOW)
ARRIVAL = Arrival(SEEN, Held(frozenset(), (), {}), ROOM, Reservation("b", 0, "acme", 1 << 30, 1 << 30))
BEGIN = ["reserve-generation", "reserve-place", "reserve-edge-ports", "set-status", "ensure-edge"]
SAVE = ["ensure-repository", "backup-stores", "record-backup"]
BROUGHT = [
    "render-stack", "pull-images", "start-layer", "create-layer", "await-stores", "follow-store", "follow-store", "follow-store",
    "start-layer", "await-healthy", "compare-followers",
]  # fmt: skip
FREEZE = ["apply-route", "set-route-mode", "await-writes"]
HAND_OVER = [
    "await-followers", "promote-followers", "await-healthy", "put-back-route", "forward-route", "check-forward", "change-generation",
]  # fmt: skip
END = [
    "set-route-mode", "keep-layers", "set-route-mode", "check-route", "drain-edge", "dismiss-followers", "stop-layer", "stop-layer",
    "settle-files", "release-place",
]  # fmt: skip


def planned(
    *, arrival: Arrival = ARRIVAL, seen: list[StoreSeen] | None = None, left: list[LayerReference] | None = None, **changes: Any
) -> Plan:
    of_tenant = changes.pop("tenant", {})
    request = MoveRequest("acme", "b", **changes)
    return plan_move(
        request,
        tenant("basic", **of_tenant),
        CATALOG.edition("basic"),
        stores("basic") if seen is None else seen,
        arrival,
        LIMITS,
        safety=NewBackup("bk-1", "/backups/acme") if request.safety else None,
        left=left or [],
        registry="registry.test",
        edge_image="edge:1",
        support_images=["init:1"],
    )


def names(plan: Plan) -> list[str]:
    return [step.name for step in plan.steps]


def of(plan: Plan, name: str) -> list[dict[str, Any]]:
    return [dict(step.params) for step in plan.steps if step.name == name]


def test_all_of_it_in_order() -> None:
    plan = planned()
    assert names(plan) == [*BEGIN, *SAVE, *BROUGHT, *FREEZE, *HAND_OVER, *END]
    assert plan.steps[plan.pivot].name == "change-generation"
    assert all(read_step(step.name, step.params) for step in plan.steps)


def test_which_step_is_on_which_host() -> None:
    plan = planned()
    hosts = [(step.name, step.params["host"], step.params.get("new_host", "")) for step in plan.steps if "host" in step.params]
    there = {name for name, host, _ in hosts if host == "b"}
    assert there == {
        "reserve-place", "reserve-edge-ports", "ensure-edge", "pull-images", "start-layer", "create-layer", "await-stores",
        "await-healthy", "apply-route", "set-route-mode", "check-route",
    }  # fmt: skip
    pairs = {name: (host, new) for name, host, new in hosts if new}
    assert set(pairs) == {"follow-store", "compare-followers", "await-followers", "promote-followers", "dismiss-followers"}
    assert set(pairs.values()) == {("local", "b")}


def test_the_new_host_takes_writes_before_anything_is_asked_of_the_old_one() -> None:
    plan = planned()
    first = plan.steps[plan.pivot + 1]
    assert (first.name, first.params["host"], first.params["mode"]) == ("set-route-mode", "b", "serving")


def test_the_record_changes_in_one_step() -> None:
    plan = planned()
    changed = dict(plan.steps[plan.pivot].params)
    assert changed["changes"] == {"host": "b", "address": "10.0.0.2", "public_port": 30000, "status": "running"}
    assert changed["previous"] == {"host": "local", "address": "127.0.0.1", "public_port": 30000, "status": "switching"}


def test_numbers_of_layers_that_are_left_anywhere_are_not_used_again() -> None:
    plan = planned(left=[LayerReference("acme", "data", 4), LayerReference("acme", "app", 7)])
    assert (plan.steps[plan.pivot].params["data"], plan.steps[plan.pivot].params["app"]) == (5, 8)


def test_what_cannot_follow_is_copied_in_the_freeze_and_told() -> None:
    plan = planned(seen=[StoreSeen("mysql", True), StoreSeen("redis", True), StoreSeen("postgresql", False)])
    assert names(plan).index("copy-store") > names(plan).index("await-writes")
    assert any("postgresql cannot follow" in warning for warning in plan.warnings)


def test_a_suspended_tenant_is_neither_frozen_nor_checked() -> None:
    plan = planned(tenant={"status": "suspended"})
    assert [name for name in names(plan) if name in ("set-route-mode", "await-writes", "check-forward", "check-route")] == []
    assert [one["mode"] for one in of(plan, "apply-route")] == ["suspended"]
    assert plan.steps[plan.pivot].params["changes"]["status"] == "suspended"


def test_without_forwarding_the_old_edge_says_moved() -> None:
    plan = planned(forward=False)
    assert "forward-route" not in names(plan)
    assert [one["mode"] for one in of(plan, "set-route-mode") if one["host"] == "local"] == ["frozen", "moved"]


def test_a_host_that_passes_on_to_the_old_one_is_turned_round_in_the_freeze_and_back_on_an_undo() -> None:
    plan = planned(arrival=replace(ARRIVAL, own=frozenset({30000}), held=Held(frozenset({("tcp", 30000)}), (), {"http": 80, "https": 443})))
    order = names(plan)
    assert order.index("await-writes") < order.index("put-back-forward") < order.index("apply-route") < plan.pivot
    assert of(plan, "apply-route")[0]["new"] is False
    assert of(plan, "ensure-edge")[0]["new"] is False
    assert not any(row["layer"] == "edge" for row in of(plan, "reserve-generation")[0]["allocations"])


def test_the_public_port_stays_or_is_asked_for() -> None:
    taken = replace(ARRIVAL, held=Held(frozenset({("tcp", 30000)}), (), {}))
    with pytest.raises(PortTaken, match="30000 of tenant acme is taken on b"):
        planned(arrival=taken)
    plan = planned(arrival=taken, new_public_port=True)
    assert plan.steps[plan.pivot].params["changes"]["public_port"] == 30001
    assert of(plan, "forward-route")[0]["target_port"] == 30001


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"tenant": {"host": "b"}}, NotAllowed),
        ({"tenant": {"status": "stopped"}}, NotAllowed),
        ({"tenant": {"platform": True}}, NotAllowed),
        ({"arrival": replace(ARRIVAL, room=Room(1 << 20, 1 << 40))}, Conflict),
    ],
)
def test_what_makes_no_sense_is_refused(changes: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        planned(**changes)


def test_a_saved_step_of_an_earlier_looma_is_on_one_host() -> None:
    step = next(one for one in planned().steps if one.name == "follow-store")
    params = {name: value for name, value in step.params.items() if name != "new_host"}
    assert read_step("follow-store", params).there == "local"  # type: ignore[union-attr]
