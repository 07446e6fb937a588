"""What fails, is refused or is taken leaves everything as it was."""

from __future__ import annotations

from typing import Any

import pytest

from looma_cli.errors import (
    AlreadyExists,
    EngineUnavailable,
    ImageUnavailable,
    InvalidValue,
    NotFound,
    OperationFailed,
)
from looma_cli.model.requests import UpdateRequest
from tests.unit.tenants.traces import nothing_left
from tests.worlds import Machine, lite


def test_without_an_engine_nothing_is_touched(machine: Machine) -> None:
    machine.daemon.answers = False
    with pytest.raises(EngineUnavailable):
        machine.looma().tenants.create(lite())
    assert nothing_left(machine)
    assert machine.looma().operations.list(all=True) == []


def test_a_component_that_never_becomes_healthy_is_put_back(machine: Machine) -> None:
    machine.engine.unhealthy.add("user-service")
    with pytest.raises(OperationFailed, match="user-service"):
        machine.looma().tenants.create(lite())
    assert nothing_left(machine)
    machine.engine.unhealthy.clear()
    assert machine.looma().tenants.create(lite()).status == "running"  # type: ignore[union-attr]


def test_a_component_that_exits_is_named_with_its_exit_code(machine: Machine) -> None:
    machine.engine.exits["job-service"] = 3
    with pytest.raises(OperationFailed, match=r"job-service.*3"):
        machine.looma().tenants.create(lite())
    assert nothing_left(machine)


def test_a_missing_local_image_says_how_to_build_it(machine: Machine) -> None:
    machine.daemon.images = set()
    with pytest.raises(OperationFailed, match="image") as caught:
        machine.looma().tenants.create(lite())
    assert "looma image build" in caught.value.hint
    assert nothing_left(machine)


def test_an_image_that_cannot_be_pulled(machine: Machine) -> None:
    machine.daemon.images = set()
    with pytest.raises((OperationFailed, ImageUnavailable)):
        machine.looma(images="registry").tenants.create(lite())
    assert nothing_left(machine)


def test_a_failed_update_puts_record_files_and_route_back(machine: Machine) -> None:
    looma = machine.looma()
    looma.tenants.create(lite(hostname="old.example.com", settings={"A": "1"}))
    before = looma.stacks.render("acme")
    machine.engine.fail_on("start", OperationFailed("the engine said no"), layer="app")
    with pytest.raises(OperationFailed):
        looma.tenants.update(UpdateRequest("acme", hostname="new.example.com", settings={"A": "2"}))
    tenant = looma.tenants.show("acme")
    assert (tenant.hostname, dict(tenant.settings), tenant.status) == ("old.example.com", {"A": "1"}, "running")
    assert looma.stacks.render("acme") == before
    assert looma.stacks.render("acme", diff=True) == {}
    assert machine.edge.answer(80, host="old.example.com").status == 200  # type: ignore[union-attr]
    assert looma.health.check(["acme"]).healthy


def test_a_hostname_belongs_to_one_tenant(machine: Machine) -> None:
    machine.looma().tenants.create(lite("first", hostname="a.example.com"))
    with pytest.raises(AlreadyExists, match=r"a\.example\.com"):
        machine.looma().tenants.create(lite("second", hostname="a.example.com"))
    assert [t.name for t in machine.looma().tenants.list()] == ["first"]
    assert all("second" not in name for name in [*machine.left_on_engine(), *machine.left_in_files()])


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"edition": "platinum"}, NotFound),
        ({"release": "99.0.0"}, NotFound),
        ({"host": "mars"}, NotFound),
        ({"profile": "tiny"}, InvalidValue),
        ({"edition": "looma-core"}, InvalidValue),
        ({"tls_certificate": "x"}, InvalidValue),
    ],
)
def test_unknown_things_are_refused_before_anything_is_touched(machine: Machine, change: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        machine.looma().tenants.create(lite(**change))
    assert nothing_left(machine)
    assert machine.looma().operations.list(all=True) == []


def test_unknown_tenants(machine: Machine) -> None:
    looma = machine.looma()
    for verb in (looma.tenants.show, looma.tenants.stop, looma.tenants.start, looma.tenants.restart, looma.tenants.suspend):
        with pytest.raises(NotFound):
            verb("nobody")
    with pytest.raises(NotFound):
        looma.health.check(["nobody"])
