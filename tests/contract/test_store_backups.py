"""Backup sets, schedules and kept layers in the state, on SQLite and on PostgreSQL."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from looma_cli.errors import NotFound
from looma_cli.model.backup import Backup, BackupMark, Fingerprint, FingerprintPart, SavedStream, StoreBackup, StoreInformation
from looma_cli.model.schedule import Schedule
from looma_cli.model.tenant import KeptLayer, LayerReference
from tests.contract.conftest import Database
from tests.contract.test_store import bare as tenant

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def backup(id: str = "bk-1", **more: object) -> Backup:
    parts = (FingerprintPart("table looma.records", 3, "ab12"), FingerprintPart("expiring", 1, "ff", expires_at=AT))
    store = StoreBackup(
        "mysql",
        "mysql",
        StoreInformation("mariadb", "10.11.6"),
        {"file": "binlog.000001", "position": "328"},
        Fingerprint(parts),
        (SavedStream("mysql/data", "0123abcd", 1 << 40, 1 << 33),),
    )
    values = {"kind": "full", "edition": "basic", "release": "1.0.0", "location": "/b/acme", "size_bytes": 1 << 40, "stored_bytes": 7}
    return Backup(**{"id": id, "tenant": "acme", "created_at": AT, "datastores": (store,), **values, **more})  # type: ignore[arg-type]


def test_a_set_comes_back_as_it_was_saved(database: Database) -> None:
    saved = backup(missing=("redis",), verified_at=AT, restore_ms=1 << 40, problem="nul \0")
    with database.store().write() as state:
        state.save_backup(saved)
    with database.store().read() as state:
        assert state.backup("bk-1") == replace(saved, problem="nul \ufffd")
        assert state.backups() == [state.backup("bk-1")]


def test_sets_are_listed_newest_first_and_by_tenant(database: Database) -> None:
    with database.store().write() as state:
        for id, hours, of in (("bk-1", 0, "acme"), ("bk-2", 6, "acme"), ("bk-3", 3, "other")):
            state.save_backup(backup(id, tenant=of, created_at=AT + timedelta(hours=hours)))
    with database.store().read() as state:
        assert [one.id for one in state.backups()] == ["bk-2", "bk-3", "bk-1"]
        assert [one.id for one in state.backups("acme")] == ["bk-2", "bk-1"]


def test_a_tenant_knows_its_last_set_and_its_last_proof(database: Database) -> None:
    with database.store().write() as state:
        state.add_tenant(tenant("acme"))
        state.save_backup(backup("bk-1", verified_at=AT + timedelta(hours=1)))
        state.save_backup(backup("bk-2", created_at=AT + timedelta(hours=6)))
        assert (state.tenant("acme").last_backup, state.tenant("acme").last_proof) == (AT + timedelta(hours=6), AT + timedelta(hours=1))
        state.remove_backup("bk-2")
        assert state.tenant("acme").last_backup == AT
        state.remove_backup("bk-1")
        assert (state.tenant("acme").last_backup, state.tenant("acme").last_proof) == (None, None)


def test_sets_outlive_their_tenant(database: Database) -> None:
    with database.store().write() as state:
        state.add_tenant(tenant("acme"))
        state.save_backup(backup())
        state.remove_tenant("acme")
        assert state.backup("bk-1").tenant == "acme"


def test_an_unknown_set_is_not_found(database: Database) -> None:
    with database.store().write() as state:
        state.remove_backup("bk-9")
        with pytest.raises(NotFound, match="no backup bk-9"):
            state.backup("bk-9")


def test_a_schedule_is_kept_until_it_is_removed(database: Database) -> None:
    schedule = Schedule("backup", "03:00", 6, "cron", AT)
    with database.store().write() as state:
        assert state.schedule("backup") is None
        state.save_schedule(schedule)
        assert state.schedule("backup") == schedule
        state.remove_schedule("backup")
        assert state.schedule("backup") is None


def test_kept_layers_go_with_their_tenant(database: Database) -> None:
    kept = [KeptLayer(LayerReference("acme", layer, 1), "local", AT, "backup.restore", {"edition": "basic"}) for layer in ("app", "data")]
    with database.store().write() as state:
        state.add_tenant(tenant("acme"))
        for one in kept:
            state.keep_layer(one)
        assert state.kept_layers("acme") == kept
        state.forget_layer(kept[0].reference)
        assert state.kept_layers() == kept[1:]
        state.remove_tenant("acme")
        assert state.kept_layers() == []


def test_marks_of_a_tenants_sets_and_of_the_newest_of_each(database: Database) -> None:
    later = AT + timedelta(hours=1)
    with database.store().write() as state:
        state.add_tenant(tenant("acme"))
        state.add_tenant(tenant("beta"))
        state.save_backup(backup("bk-1"))
        state.save_backup(backup("bk-2", created_at=later, missing=("redis",), problem="lost a row"))
        state.save_backup(backup("bk-3", tenant="gone"))
    with database.store().read() as state:
        newest = BackupMark("acme", "bk-2", later, True, "lost a row")
        assert state.backup_marks("acme") == [newest, BackupMark("acme", "bk-1", AT, False)]
        assert state.backup_marks("beta") == []
        assert state.newest_backup_marks() == [newest]
