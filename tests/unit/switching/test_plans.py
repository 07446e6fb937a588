"""Plans of switches between all editions, as lists of steps: pure, nothing is started."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Network
from itertools import permutations
from typing import Any

import pytest

from looma_cli.errors import Conflict, NotAllowed, NotFound
from looma_cli.model.host import Host
from looma_cli.model.operation import Plan
from looma_cli.model.switch import Room, StoreSeen, SwitchRequest
from looma_cli.model.tenant import LayerReference, Tenant
from looma_cli.plan.backups import NewBackup, stores_in
from looma_cli.plan.losses import loss_token, lost_stores, shared_stores
from looma_cli.plan.observation import Held, HostObservation, Limits
from looma_cli.plan.switch import plan_switch
from looma_cli.steps.base import read_step
from tests.factories import NOW
from tests.worlds import CATALOG

EDITIONS = [name for name in CATALOG.names() if CATALOG.edition(name).kind == "edition"]
PAIRS = list(permutations(EDITIONS, 2))
FOLLOWING = ("mysql", "redis", "postgresql")
ROOM = Room(64 << 30, 500 << 30, 1 << 30)
LIMITS = Limits((20000, 29999), (30000, 31999), IPv4Network("10.192.0.0/10"), 80, 443)
HELD = Held(frozenset({("tcp", 20000), ("tcp", 30000)}), ("10.192.0.0/26", "10.192.0.64/26"), {"http": 80, "https": 443})
SEEN = HostObservation(Host("local", "local", "127.0.0.1", "unknown"), frozenset({("tcp", 22)}), (), (1, 45), NOW)
BEGIN = ["reserve-generation", "ensure-secrets", "set-status", "ensure-edge"]
SAVE = ["ensure-repository", "backup-stores", "record-backup"]
NEW = ["render-stack", "pull-images"]
UP = ["start-layer", "create-layer", "await-stores"]
FREEZE = ["set-route-mode", "await-writes"]
HAND_OVER = ["await-followers", "promote-followers", "migrate", "await-healthy", "put-back-route", "apply-route", "change-generation"]
END = ["set-route-mode", "keep-layers", "note-cut-over", "check-route", "drain-edge", "dismiss-followers", "stop-layer", "stop-layer"]


def tenant(edition: str, **changes: Any) -> Tenant:
    base = Tenant(
        "acme", "acme", edition, CATALOG.edition(edition).releases[0], "lite", "local", "running", None, 30000, "127.0.0.1", NOW, NOW
    )
    return replace(base, **changes)


def stores(edition: str, profile: str = "lite", rows: int | None = None) -> list[StoreSeen]:
    names = stores_in(CATALOG.edition(edition).of_profile(profile))
    return [StoreSeen(name, name in FOLLOWING, None if name in FOLLOWING else rows) for name in names]


def planned(source: str, target: str, *, room: Room = ROOM, profile: str = "lite", rows: int | None = None, **request: Any) -> Plan:
    changes = {"profile": profile, **request.pop("tenant", {})}
    wanted = SwitchRequest("acme", target, **request)
    return plan_switch(
        wanted,
        tenant(source, **changes),
        CATALOG.edition(source),
        CATALOG.edition(target),
        stores(source, profile, rows),
        room,
        SEEN,
        HELD,
        LIMITS,
        safety=NewBackup("bk-1", "/backups/acme") if wanted.safety else None,
        left=[LayerReference("acme", "data", 4), LayerReference("acme", "app", 7)],
        registry="registry.test",
        edge_image="looma/nginx:1",
        support_images=["looma/init:1"],
    )


def names(plan: Plan) -> list[str]:
    return [step.name for step in plan.steps]


@pytest.mark.parametrize(("source", "target"), PAIRS, ids=lambda name: str(name))
def test_clone_between_any_two_editions(source: str, target: str) -> None:
    plan = planned(source, target)
    follow = ["follow-store"] * 3
    proven = ["start-layer", "await-healthy", "compare-followers"]
    assert names(plan) == [*BEGIN, *SAVE, *NEW, *UP, *follow, *proven, *FREEZE, *HAND_OVER, *END, "settle-files"]
    assert plan.steps[plan.pivot].name == "change-generation"
    assert {step.params["store"] for step in plan.steps if step.name == "follow-store"} == set(FOLLOWING)
    change = plan.steps[plan.pivot].params
    assert (change["data"], change["app"]) == (5, 8)  # kept layers have the numbers up to these
    assert (change["changes"]["edition"], change["changes"]["release"]) == (target, CATALOG.edition(target).releases[-1])
    for step in plan.steps:
        assert read_step(step.name, step.params).planned(step.reason) == step  # what is journaled can be read back


@pytest.mark.parametrize(("source", "target"), PAIRS, ids=lambda name: str(name))
def test_ports_and_subnets_of_the_new_layers_are_nobody_elses(source: str, target: str) -> None:
    reserve = planned(source, target).steps[0].params
    ports = [row["host_port"] for row in reserve["allocations"]]
    assert len(set(ports)) == len(ports)
    assert min(ports) == 20001
    assert max(ports) == 20000 + len(ports)
    assert not {subnet["cidr"] for subnet in reserve["subnets"]} & set(HELD.subnets)
    assert {(row["layer"], row["generation"]) for row in reserve["allocations"]} == {("data", 5), ("app", 8)}


@pytest.mark.parametrize(("source", "target"), PAIRS, ids=lambda name: str(name))
def test_reuse_freezes_nothing_and_leaves_the_data_layer(source: str, target: str) -> None:
    plan = planned(source, target, data="reuse", safety=False)
    route = ["start-layer", "migrate", "await-healthy", "put-back-route", "apply-route", "change-generation"]
    assert names(plan) == [*BEGIN, *NEW, *route, "keep-layers", "check-route", "drain-edge", "stop-layer", "settle-files"]
    assert plan.steps[plan.pivot].params["data"] == 1
    assert {row["layer"] for row in plan.steps[0].params["allocations"]} == {"app"}
    assert not any("503" in warning for warning in plan.warnings)


@pytest.mark.parametrize(("source", "target"), PAIRS, ids=lambda name: str(name))
def test_what_the_target_cannot_hold_is_named_and_needs_its_token(source: str, target: str) -> None:
    lost = lost_stores(CATALOG.edition(source), CATALOG.edition(target), "full")
    if not lost:
        assert "copy-store" in names(planned(source, target, profile="full", rows=12034, tenant={"images": "registry"}))
        return
    with pytest.raises(NotAllowed, match="no place for") as refused:
        planned(source, target, profile="full", rows=12034)
    assert f"{lost[0]}: 12,034" in refused.value.message
    token = refused.value.details["token"]
    assert token in refused.value.hint
    plan = planned(source, target, profile="full", rows=12034, accepted=token)
    assert f"- {lost[0]}: 12,034 stay in the backup" in plan.changes
    with pytest.raises(NotAllowed, match="would be nowhere"):
        planned(source, target, profile="full", rows=12034, accepted=token, safety=False)


def test_leaving_future_is_what_loses_weaviate() -> None:
    future, basic = CATALOG.edition("future"), CATALOG.edition("basic")
    assert lost_stores(future, basic, "full") == ["weaviate"]
    assert lost_stores(basic, future, "full") == []
    assert shared_stores(future, basic, "lite") == ["mysql", "redis", "postgresql"]


def test_an_empty_datastore_loses_nothing() -> None:
    assert planned("future", "basic", profile="full", rows=0, tenant={"images": "registry"}).warnings


def test_a_token_names_one_loss() -> None:
    here = tenant("future")
    lost = [StoreSeen("weaviate", False, 3)]
    token = loss_token(here, "basic", lost)
    assert token != loss_token(here, "pro", lost)
    assert token != loss_token(replace(here, data_generation=2), "basic", lost)
    assert token != loss_token(here, "basic", [StoreSeen("neo4j", False, 3)])
    assert token == loss_token(here, "basic", [StoreSeen("weaviate", False, 4)])  # a row more is the same loss


def test_a_suspended_tenant_stays_suspended() -> None:
    plan = planned("basic", "pro", tenant={"status": "suspended"})
    assert [n for n in names(plan) if n in ("set-route-mode", "await-writes", "check-route")] == []
    apply = next(step for step in plan.steps if step.name == "apply-route")
    assert apply.params["mode"] == "suspended"
    assert plan.steps[plan.pivot].params["changes"]["status"] == "suspended"


@pytest.mark.parametrize(
    ("room", "data", "missing"),
    [
        (replace(ROOM, memory_bytes=1 << 30), "clone", "MiB of memory left"),
        (replace(ROOM, memory_bytes=100 << 20), "reuse", "MiB of memory left"),
        (replace(ROOM, disk_bytes=2 << 30), "clone", "1024 MiB are missing"),
    ],
)
def test_what_does_not_fit_beside_is_refused_by_how_much(room: Room, data: str, missing: str) -> None:
    with pytest.raises(Conflict, match=missing):
        planned("basic", "pro", room=room, data=data)


def test_reuse_needs_no_disk() -> None:
    assert planned("basic", "pro", room=replace(ROOM, disk_bytes=0), data="reuse")


@pytest.mark.parametrize(
    ("source", "target", "changes", "error"),
    [
        ("basic", "basic", {}, NotAllowed),
        ("basic", "looma-core", {}, NotAllowed),
        ("basic", "pro", {"tenant": {"platform": True}}, NotAllowed),
        ("basic", "pro", {"tenant": {"status": "stopped"}}, NotAllowed),
        ("basic", "pro", {"release": "9.9.9"}, NotFound),
    ],
)
def test_what_makes_no_sense_is_refused(source: str, target: str, changes: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        planned(source, target, **changes)


def test_reuse_of_a_data_layer_that_lacks_something_is_refused() -> None:
    with pytest.raises(NotAllowed, match="needs weaviate"):
        planned("basic", "future", data="reuse", profile="full", rows=0, tenant={"images": "registry"})


def test_writers_wait_for_migrate_no_longer_than_was_agreed() -> None:
    plan = planned("basic", "pro", freeze_seconds=45.0)
    migrate = next(step for step in plan.steps if step.name == "migrate")
    assert (migrate.params["seconds"], migrate.params["frozen"]) == (45, True)
    assert "45 s at most" in migrate.reason
    assert "if migrate of api-gateway takes longer than 45 s, all is put back (--freeze-limit)" in plan.warnings
    reuse = planned("basic", "pro", data="reuse")
    migrate = next(step for step in reuse.steps if step.name == "migrate")
    assert (migrate.params["seconds"], migrate.params["frozen"]) == (600, False)
    assert not any("--freeze-limit" in warning for warning in reuse.warnings)
