"""Which set a restore takes, for whom, and what it refuses before anything is touched."""

from __future__ import annotations

import pytest

from looma_cli.errors import NotAllowed, NotFound
from looma_cli.usecases.restoring import RestoreRequest
from tests.stored import STORES, fill, held
from tests.worlds import Machine, lite

ALL = {"a": "1", "b": "2"}


def location(machine: Machine, tenant: str) -> str:
    return f"{machine.home}/backups/{tenant}"


def test_anothers_set_is_refused_from_a_repository_too(machine: Machine) -> None:
    looma = machine.looma()
    looma.tenants.create(lite("other"))
    fill(machine, "other", stolen="1")
    theirs = looma.backups.create("other")
    for backup in (theirs.id, None):  # type: ignore[union-attr]
        with pytest.raises(NotFound):
            looma.restores.restore(RestoreRequest("acme", backup, location=location(machine, "other")))
    assert held(machine, "acme") == dict.fromkeys(STORES, ALL)


def test_a_new_tenant_from_a_partial_set_has_to_name_what_it_gets(machine: Machine) -> None:
    looma = machine.looma()
    machine.stores.failing.add("redis")
    looma.backups.create("acme", allow_partial=True)
    with pytest.raises(NotAllowed, match="partial: it has no redis") as refused:
        looma.restores.restore(RestoreRequest("acme", new_name="copy"))
    assert "--only mysql --only postgresql" in refused.value.hint
    assert not [tenant for tenant in looma.tenants.list() if tenant.name == "copy"]
    looma.restores.restore(RestoreRequest("acme", new_name="copy", only=("mysql", "postgresql")))
    assert held(machine, "copy") == {"mysql": ALL, "redis": {}, "postgresql": ALL}


def test_a_new_tenant_gets_only_what_was_named(machine: Machine) -> None:
    looma = machine.looma()
    looma.backups.create("acme")
    plan = looma.restores.restore(RestoreRequest("acme", new_name="copy", only=("mysql",)), dry_run=True)
    assert "redis, postgresql will be empty" in plan.warnings  # type: ignore[union-attr]
    looma.restores.restore(RestoreRequest("acme", new_name="copy", only=("mysql",)))
    assert held(machine, "copy") == {"mysql": ALL, "redis": {}, "postgresql": {}}


def test_a_new_tenant_cannot_get_what_the_set_has_not(machine: Machine) -> None:
    looma = machine.looma()
    looma.backups.create("acme")
    with pytest.raises(NotFound, match="has no datastore neo4j"):
        looma.restores.restore(RestoreRequest("acme", new_name="copy", only=("neo4j",)))


def test_chosen_says_what_would_be_replaced_by_what(machine: Machine) -> None:
    looma = machine.looma()
    backup = looma.backups.create("acme")
    assert looma.restores.chosen(RestoreRequest("acme")) == (backup, looma.tenants.show("acme"))
    assert looma.restores.chosen(RestoreRequest("acme", new_name="copy")) == (backup, None)
    found, replaced = looma.restores.chosen(RestoreRequest(None, location=location(machine, "acme")))
    assert (found, replaced) == (backup, looma.tenants.show("acme"))
    looma.tenants.delete("acme", backup=False)
    assert looma.restores.chosen(RestoreRequest("acme")) == (backup, None)


def test_the_place_of_all_repositories_will_do_with_a_tenants_name(machine: Machine) -> None:
    looma = machine.looma()
    backup = looma.backups.create("acme")
    assert looma.backups.list("acme", location=f"{machine.home}/backups/")[0].id == backup.id
    with pytest.raises(NotFound, match="no backup repository"):
        looma.backups.list(location=f"{machine.home}/backups")
