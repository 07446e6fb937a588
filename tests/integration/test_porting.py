"""A real tenant carried as one file from one installation to another, and backups by themselves, by the commands that a person types."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.integration.homes import Home, new_tenant

pytestmark = [pytest.mark.engine, pytest.mark.slow]
RECORDS = {"first": "一", "second": "two 🎉"}


def test_a_tenant_moves_to_another_installation_and_backups_that_are_due_are_made_once(
    new_home: Callable[[str], Home], tmp_path: Path
) -> None:
    here, there = new_home("here"), new_home("there")
    name, other, moved = new_tenant("ex"), new_tenant("due"), new_tenant("im")
    url = here.create(name)["url"]
    for key, value in RECORDS.items():
        assert httpx.post(f"{url}/records", json={"key": key, "value": value}, timeout=60).status_code == 201
    file = tmp_path / "customer.looma"
    exported = here.json("tenant", "export", name, str(file))
    assert exported["size_bytes"] == file.stat().st_size
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list((here.path / "tmp").iterdir()) == []

    # two at once, each in a process of its own; the export's set is this slot's
    here.create(other)
    copies = {"LOOMA_BACKUP_COPY": str(tmp_path / "copies")}
    first = here.json("backup", "run", "--due", "--parallel", "2", **copies)["results"]
    assert {row["tenant"]: (row["status"], row["copied"]) for row in first} == {name: ("not_due", None), other: ("done", 1)}
    assert {row["status"] for row in here.json("backup", "run", "--due", **copies)["results"]} == {"not_due"}
    assert [backup["tenant"] for backup in here.json("backup", "list", other, "--from", str(tmp_path / "copies"))["backups"]] == [other]

    # elsewhere: without the passphrase no, with it all of it
    assert there.json("tenant", "import", str(file), "--as", moved, code=1)["error"]["code"] == "wrong_passphrase"
    passphrase = {"LOOMA_BACKUP_PASSPHRASE_FILE": str(here.path / "backup.passphrase")}
    damaged = tmp_path / "damaged.looma"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    damaged.write_bytes(content)
    assert there("tenant", "import", str(damaged), "--as", moved, **passphrase).code != 0
    assert there.json("tenant", "list")["tenants"] == []
    tenant = there.json("tenant", "import", str(file), "--as", moved, **passphrase)
    assert (tenant["name"], tenant["status"]) == (moved, "running")
    for key, value in RECORDS.items():
        found = httpx.get(f"{tenant['url']}/records/{key}", timeout=60).json()
        assert set(found["stores"].values()) == {value}
        assert len(found["stores"]) == 3
    assert list((there.path / "tmp").iterdir()) == []
    assert there("health", moved).code == 0
