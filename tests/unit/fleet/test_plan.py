"""Waves, who is in which, and who runs what: pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from looma_cli.errors import InvalidValue, NotFound
from looma_cli.model.fleet import FleetMember, FleetPlan, wave_sizes
from looma_cli.model.operation import Operation, Plan
from looma_cli.model.tenant import Tenant
from looma_cli.plan.fleet import as_plan, divided, image_checks, plan_fleet, releases_of, target_release
from looma_cli.steps.generations import ChangeGeneration
from tests.factories import make_tenant
from tests.worlds import CATALOG

BASIC = CATALOG.edition("basic")
OLD, MIDDLE, NEW = BASIC.releases[-3:]


def tenant(name: str, release: str = OLD, status: str = "running", **more: object) -> Tenant:
    return make_tenant(BASIC, name=name, release=release, status=status, profile="lite", **more)


def operation(
    name: str, release: str = NEW, kind: str = "tenant.upgrade", status: str = "interrupted", error: str | None = None
) -> Operation:
    step = ChangeGeneration(name, 1, 2, 1, 1, {"release": release}, {"release": OLD}).planned("the pivot")
    plan = Plan(kind, name, (step,), 0)
    return Operation(f"op-{name}", kind, name, "local", status, plan, (), datetime(2026, 1, 1, tzinfo=UTC), error=error)


def planned(*tenants: Tenant, opened: dict[str, Operation] | None = None, waves: str = "1,rest", release: str = NEW) -> FleetPlan:
    return plan_fleet(BASIC, release, tenants, opened or {}, wave_sizes(waves))


def names(plan: FleetPlan) -> list[list[str]]:
    return [[member.name for member in wave.members] for wave in plan.waves]


MEMBERS = [FleetMember(replace(tenant("acme"), name=f"tenant-{number:03}")) for number in range(300)]


# the sizes of waves
@pytest.mark.parametrize(
    "text",
    [
        "", "1", "1,5%", "rest,1", "rest,rest", "1,,rest", "1, 5%,rest", "0,rest", "01,rest", "-1,rest", "+1,rest", "1.5,rest", "0%,rest",
        "5 %,rest", "101%,rest", "60%,60%,rest", "%,rest", "5%%,rest", "REST", "rest\n", "1,rest,", "\uff11,rest", "12345678,rest",
        ",".join(["1"] * 20) + ",rest",
    ],
)  # fmt: skip
def test_malformed_waves(text: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        wave_sizes(text)
    assert caught.value.hint
    assert caught.value.message.isprintable()


@pytest.mark.parametrize(
    ("text", "count", "expected"),
    [
        ("1,5%,25%,rest", 100, [1, 5, 25, 69]),
        ("1,5%,25%,rest", 12, [1, 1, 3, 7]),
        ("1,5%,25%,rest", 2, [1, 1]),
        ("1,5%,25%,rest", 1, [1]),
        ("1,5%,25%,rest", 0, []),
        ("rest", 7, [7]),
        ("3,100%,rest", 5, [3, 2]),
        ("50%,50%,rest", 5, [2, 2, 1]),
        ("10,rest", 4, [4]),
    ],
)
def test_how_many_are_in_each_wave(text: str, count: int, expected: list[int]) -> None:
    assert [len(wave.members) for wave in divided(MEMBERS[:count], wave_sizes(text))] == expected


sizes = st.lists(st.one_of(st.integers(1, 50).map(str), st.integers(1, 12).map(lambda n: f"{n}%")), max_size=8)


@given(sizes, st.integers(0, 300))
def test_everybody_is_in_one_wave_in_order_and_no_wave_is_empty(words: list[str], count: int) -> None:
    members = MEMBERS[:count]
    waves = divided(members, wave_sizes(",".join([*words, "rest"])))
    assert [member for wave in waves for member in wave.members] == members
    assert all(wave.members for wave in waves)
    assert [wave.number for wave in waves] == list(range(1, len(waves) + 1))


# who
def test_only_those_that_serve_and_only_of_the_edition() -> None:
    plan = planned(
        tenant("beta", status="suspended"), tenant("acme"), tenant("halted", status="stopped"), tenant("bare", status="created"),
        replace(tenant("other"), edition="pro"),
    )  # fmt: skip
    assert names(plan) == [["acme"], ["beta"]]
    assert [(one.tenant.name, one.reason) for one in plan.left_out] == [("bare", "created"), ("halted", "stopped")]


def test_the_few_that_are_behind_have_a_canary_of_their_own() -> None:
    plan = planned(tenant("acme"), tenant("beta", NEW), tenant("gamma"), tenant("delta", NEW), tenant("omega"), waves="1,1,rest")
    assert [member.name for member in plan.already] == ["beta", "delta"]
    assert names(plan) == [["acme"], ["gamma"], ["omega"]]
    assert [member.done for member in plan.members] == [True, True, False, False, False]
    assert "2 of 5 tenants run 1.5.0 already" in as_plan(plan, [], []).warnings


def test_an_interrupted_upgrade_to_the_release_comes_next_even_past_its_pivot() -> None:
    opened = {"gamma": operation("gamma"), "delta": operation("delta", status="paused")}
    plan = planned(tenant("acme"), tenant("beta", NEW), tenant("gamma"), tenant("delta", NEW), opened=opened)
    assert [(m.name, m.done, m.operation) for m in plan.members] == [
        ("beta", True, None), ("delta", False, "op-delta"), ("gamma", False, "op-gamma"), ("acme", False, None),
    ]  # fmt: skip
    assert plan.warnings == ()


@pytest.mark.parametrize(
    "other", [operation("acme", MIDDLE), operation("acme", kind="tenant.rollback"), operation("acme", kind="edition.switch")]
)
def test_any_other_unfinished_operation_is_reported(other: Operation) -> None:
    plan = planned(tenant("acme"), tenant("beta"), opened={"acme": other})
    assert [(member.name, member.operation) for member in plan.members] == [("acme", None), ("beta", None)]
    assert plan.warnings == (f"acme cannot be upgraded while its {other.kind} op-acme is interrupted",)


def test_why_a_tenant_in_the_middle_of_something_is_left_out() -> None:
    plan = planned(tenant("acme", status="deleting"), opened={"acme": operation("acme", kind="tenant.delete")})
    assert [one.reason for one in plan.left_out] == ["deleting: tenant.delete op-acme is interrupted"]


def test_going_back_is_warned_of() -> None:
    plan = planned(tenant("acme", NEW), tenant("beta", OLD), release=MIDDLE)
    assert plan.warnings == (f"{MIDDLE} is older than what runs on acme: what the newer one did to the data stays",)


def test_an_unknown_release() -> None:
    with pytest.raises(NotFound, match=r"has no release '9\.9\.9'"):
        planned(tenant("acme"), release="9.9.9")


# images
def test_images_are_those_of_the_new_release_by_host_and_source_without_who_is_done() -> None:
    plan = planned(tenant("acme", images="registry"), tenant("beta", images="local"), tenant("gamma", NEW, images="registry"))
    checks = image_checks(plan, BASIC, "registry.test", {"registry": ["edge:r"], "local": ["edge:l"]})
    assert [(check.host, check.local) for check in checks] == [("local", True), ("local", False)]
    registry = checks[1].references
    assert "edge:r" in registry
    assert [reference for reference in registry if reference.startswith("registry.test/")]
    assert all(reference.endswith(f":{NEW}") for reference in registry if reference.startswith("registry.test/"))
    assert not any(OLD in reference for check in checks for reference in check.references)


def test_nobody_to_upgrade_needs_no_image() -> None:
    plan = planned(tenant("acme", NEW))
    assert image_checks(plan, BASIC, "registry.test", {"registry": [], "local": []}) == []
    assert as_plan(plan, [], []).warnings == (f"no tenant of basic is to be brought to {NEW}",)


def test_the_plan_for_people() -> None:
    plan = planned(tenant("acme"), tenant("beta"), tenant("gone", status="stopped"), opened={"beta": operation("beta")})
    shown = as_plan(plan, [], ["image x is not on local"])
    assert shown.changes == (
        f"~ wave 1 (1): beta {OLD} -> {NEW}, going on with op-beta",
        f"~ wave 2 (rest): acme {OLD} -> {NEW}",
    )
    assert shown.warnings == ("gone is left out: stopped", "image x is not on local")


# who runs what
def test_releases_newest_first_with_what_is_not_through() -> None:
    tenants = [tenant("acme", OLD), tenant("beta", NEW), tenant("gamma", OLD, status="stopped"), tenant("delta", "0.1-gone")]
    last = {"acme": operation("acme", status="failed", error="no"), "beta": operation("beta", status="done")}
    found = releases_of("basic", BASIC, tenants, last)
    assert found.newest == NEW
    assert [(row.release, row.tenants, row.serving) for row in found.releases] == [(NEW, 1, 1), (OLD, 2, 1), ("0.1-gone", 1, 1)]
    assert [one.tenant for one in found.unfinished] == ["acme"]
    assert found.following == f"looma fleet upgrade --edition basic --release {NEW}"


@pytest.mark.parametrize(
    ("tenants", "last", "expected"),
    [
        ([tenant("acme", NEW)], {}, ""),
        ([tenant("acme", NEW), tenant("beta", status="stopped")], {}, ""),
        ([tenant("acme")], {}, f"looma fleet upgrade --edition basic --release {NEW}"),
        ([tenant("acme")], {"acme": operation("acme", MIDDLE)}, f"looma fleet upgrade --edition basic --release {MIDDLE}"),
        ([tenant("acme")], {"acme": operation("acme", kind="tenant.rollback")}, "looma operation resume op-acme"),
        ([tenant("acme", NEW)], {"acme": operation("acme", status="paused")}, f"looma fleet upgrade --edition basic --release {NEW}"),
    ],
)
def test_what_to_type_next(tenants: list[Tenant], last: dict[str, Operation], expected: str) -> None:
    assert releases_of("basic", BASIC, tenants, last).following == expected


def test_an_edition_that_is_no_more() -> None:
    found = releases_of("gold", None, [replace(tenant("acme"), edition="gold")], {})
    assert (found.newest, found.following, len(found.releases)) == ("", "", 1)


def test_where_an_operation_leads() -> None:
    assert target_release(operation("acme", MIDDLE)) == MIDDLE
    assert target_release(replace(operation("acme"), plan=Plan("tenant.stop", "acme", (), 0))) is None
