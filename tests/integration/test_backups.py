"""Backups of a real tenant over real datastores and restic, by the commands that a person types."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from looma_cli.adapters.engine import EngineApi
from tests.integration.homes import Home, new_tenant, open_home
from tests.integration.records import Clients, counts, present, write

pytestmark = [pytest.mark.engine, pytest.mark.slow]
STORES = {"mysql", "redis", "postgresql"}


class Customer:
    def __init__(self, home: Home, name: str) -> None:
        self.home = home
        self.name = name
        self.url: str = home.create(name)["url"]

    def backup(self, *more: str) -> dict[str, Any]:
        return self.home.json("backup", "create", self.name, *more)

    def restore(self, *more: str, code: int = 0) -> dict[str, Any]:
        return self.home.json("backup", "restore", self.name, *more, "--yes", code=code)

    def show(self) -> dict[str, Any]:
        return self.home.json("tenant", "show", self.name)


@pytest.fixture(scope="module")
def acme(shared_home: Home) -> Customer:
    return Customer(shared_home, new_tenant("bk"))


def test_a_backup_is_proven_and_brought_back_while_others_read_and_write(acme: Customer) -> None:
    write(acme.url, "before-1", "before-2")
    with Clients(acme.url, "during-") as clients:
        clients.wait_for(3)
        began = time.monotonic()
        backup = acme.backup()
        clients.wait_for(len(clients.acknowledged) + 3)
    assert set(clients.reads) == {200}
    assert set(clients.writes) == {201}, "none fails while a backup is made"
    assert {store["name"] for store in backup["datastores"]} == STORES
    assert all(store["fingerprint"] and store["rows"] for store in backup["datastores"])
    assert (backup["edition"], backup["verified_at"]) == ("basic", None)

    proven = acme.home.json("backup", "verify", backup["id"])
    assert proven["verified_at"] > backup["created_at"]
    assert proven["restore_ms"] > 0
    assert [name for name in acme.home.on_engine() if "scratch" in name] == []

    write(acme.url, "after-1")
    with Clients(acme.url, "frozen-") as others:
        others.wait_for(3)
        operation = acme.restore(backup["id"])
    assert operation["status"] == "done"
    assert set(others.reads) == {200}, "reads never fail"
    assert set(others.writes) <= {201, 503}
    assert others.writes[503]
    assert None not in others.retry_after
    for key in ("before-1", "before-2", *(key for key, at in clients.acknowledged.items() if at < began)):
        assert present(acme.url, key)
    assert not present(acme.url, "after-1")
    assert acme.show()["generations"] == {"data": 2, "app": 2}
    assert acme.home("state", "audit").code == 0
    assert acme.home("health", acme.name).code == 0

    # what was acknowledged up to the freeze is in the safety backup
    safety = acme.home.json("backup", "list", acme.name)["backups"][0]
    assert safety["id"] != backup["id"]
    twin = new_tenant("tw")
    assert acme.home.json("backup", "restore", acme.name, safety["id"], "--as", twin, "--yes")["status"] == "done"
    url = acme.home.json("tenant", "show", twin)["url"]
    assert present(url, "after-1")
    frozen_from = min((at for key, at in others.acknowledged.items() if not present(url, key)), default=None)
    after_restore = [at for key, at in others.acknowledged.items() if present(acme.url, key)]
    assert frozen_from is None or (after_restore and frozen_from >= min(after_restore)), "a write that was acknowledged is lost"
    acme.home.delete(twin)


def test_one_store_is_brought_back_and_the_others_stay(acme: Customer) -> None:
    write(acme.url, "only-1")
    backup = acme.backup()
    write(acme.url, "only-2")
    acme.restore(backup["id"], "--only", "mysql", "--keep", "0s")
    found = counts(acme.url)
    assert found["mysql"] == found["redis"] - 1 == found["postgresql"] - 1


def test_a_stopped_tenant_is_backed_up_and_stays_stopped(acme: Customer) -> None:
    before = counts(acme.url)
    acme.home.json("tenant", "stop", acme.name)
    backup = acme.backup()
    assert {store["name"] for store in backup["datastores"]} == STORES
    assert acme.show()["status"] == "stopped"
    running = [c["Name"] for c in acme.home.containers(acme.name) if c["State"]["Running"]]
    assert running == []
    acme.home.json("tenant", "start", acme.name)
    assert counts(acme.url) == before


def test_a_lost_home_is_rebuilt_from_the_repository_alone(clean_engine: EngineApi, acme: Customer, tmp_path: Path) -> None:
    """Last: it ends the tenant. The passphrase is all that its new owner has."""
    before = counts(acme.url)
    acme.home.json("tenant", "delete", acme.name, "--yes")
    assert acme.home.on_engine(acme.name) == []
    assert acme.home.json("backup", "list", acme.name)["backups"][0]["datastores"]
    repositories, passphrase = tmp_path / "kept", tmp_path / "passphrase"
    shutil.copytree(acme.home.path / "backups", repositories)
    shutil.copy(acme.home.path / "backup.passphrase", passphrase)
    with open_home(clean_engine, tmp_path / "new") as new:
        wrong = new("backup", "restore", acme.name, "--from", str(repositories), "--yes", "-o", "json")
        assert (wrong.code, wrong.error["code"]) == (1, "wrong_passphrase")
        assert new.on_engine() == []
        known = {"LOOMA_BACKUP_PASSPHRASE_FILE": str(passphrase)}
        operation = new.json("backup", "restore", acme.name, "--from", str(repositories), "--yes", **known)
        assert operation["status"] == "done"
        assert counts(new.json("tenant", "show", acme.name)["url"]) == before
        assert len(new.json("backup", "list", acme.name)["backups"]) >= 3
        new.delete(acme.name)
        new.assert_nothing_left()
