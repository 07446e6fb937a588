"""On which host a restore brings back a tenant."""

from __future__ import annotations

import pytest

from looma_cli.errors import NotAllowed, NotFound
from looma_cli.usecases.restoring import RestoreRequest
from tests.stored import STORES, held
from tests.worlds import Machine

ALL = {"a": "1", "b": "2"}


def test_a_new_tenant_is_made_on_the_host_that_is_named(machine: Machine) -> None:
    machine.add_host("h2", "10.0.0.2")
    looma = machine.looma()
    looma.backups.create("acme")
    looma.restores.restore(RestoreRequest("acme", new_name="copy", host="h2"))
    assert looma.tenants.show("copy").host == "h2"
    assert held(machine, "copy") == dict.fromkeys(STORES, ALL)
    there, here = ({one.project for one in machine.daemon_of(host).containers.values()} for host in ("h2", "local"))
    assert there - {""} == {"looma-copy-data-g1", "looma-copy-app-g1"}
    assert here - {""} == {"looma-acme-data-g1", "looma-acme-app-g1"}


def test_a_restore_in_place_does_not_move_the_tenant(machine: Machine) -> None:
    machine.add_host("h2", "10.0.0.2")
    looma = machine.looma()
    looma.backups.create("acme")
    with pytest.raises(NotAllowed, match="acme is on host local") as refused:
        looma.restores.restore(RestoreRequest("acme", host="h2"))
    assert "--as NEW" in refused.value.hint
    assert looma.tenants.show("acme").data_generation == 1


def test_a_host_that_nobody_knows_is_told_at_once(machine: Machine) -> None:
    looma = machine.looma()
    looma.backups.create("acme")
    with pytest.raises(NotFound, match="h9"):
        looma.restores.restore(RestoreRequest("acme", new_name="copy", host="h9"))
    assert [tenant.name for tenant in looma.tenants.list()] == ["acme"]
