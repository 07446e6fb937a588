"""`looma tenant export` and `looma tenant import`: one file, whole or not at all, and nothing left behind."""

from __future__ import annotations

import json
import stat
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from tests.cli.conftest import Cli


@pytest.fixture
def filled(acme: Cli) -> Cli:
    tables(acme, "acme")["records"] = {"一": "first", "2": "second"}
    return acme


def tables(cli: Cli, tenant: str) -> dict[str, dict[str, str]]:
    volume = next(name for name in cli.machine.daemon.volumes if f"-{tenant}-data-" in name and "mysql" in name)
    return cli.machine.stores.tables(volume)


def left(cli: Cli) -> list[str]:
    return sorted(str(path) for path in (cli.machine.home / "tmp").glob("*"))


def test_a_tenant_goes_out_and_comes_back(filled: Cli, tmp_path: Path) -> None:
    file = tmp_path / "acme.looma"
    exported = filled.json("tenant", "export", "acme", str(file))
    assert exported == {"tenant": "acme", "backup": exported["backup"], "file": str(file), "size_bytes": file.stat().st_size}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir() if "looma" in path.name] == ["acme.looma"]
    copy = filled.json("tenant", "import", str(file), "--as", "copy")
    assert (copy["name"], copy["status"], copy["edition"]) == ("copy", "running", "basic")
    assert tables(filled, "copy") == {"records": {"一": "first", "2": "second"}}
    assert filled.json("backup", "list", "copy", code=0)["backups"] == []
    assert [backup["id"] for backup in filled.json("backup", "list")["backups"]] == [exported["backup"]]
    assert left(filled) == []


def test_under_its_own_name_once_it_is_gone(filled: Cli, tmp_path: Path) -> None:
    file = str(tmp_path / "acme.looma")
    filled.json("tenant", "export", "acme", file)
    assert filled.json("tenant", "import", file, code=4)["error"]["code"] == "already_exists"
    filled.json("tenant", "delete", "acme", "--yes", "--no-backup")
    assert filled.json("tenant", "import", file)["name"] == "acme"
    assert tables(filled, "acme")["records"]["2"] == "second"
    assert left(filled) == []


def test_an_existing_backup(filled: Cli, tmp_path: Path) -> None:
    id = filled.json("backup", "create", "acme")["id"]
    tables(filled, "acme")["records"]["3"] = "later"
    file = str(tmp_path / "old.looma")
    assert filled.json("tenant", "export", "acme", file, "--backup", id)["backup"] == id
    filled.json("tenant", "import", file, "--as", "old")
    assert "3" not in tables(filled, "old")["records"]
    assert filled.json("tenant", "export", "acme", f"{file}2", "--backup", "bk-0000000000", code=3)["error"]["code"] == "not_found"


def test_a_file_is_replaced_only_when_asked(filled: Cli, tmp_path: Path) -> None:
    file = tmp_path / "acme.looma"
    file.write_text("precious")
    assert filled.json("tenant", "export", "acme", str(file), code=4)["error"]["code"] == "already_exists"
    assert file.read_text() == "precious"
    assert filled.json("backup", "list")["backups"] == []
    filled.json("tenant", "export", "acme", str(file), "--force")
    assert tarfile.is_tarfile(file)


def test_an_export_that_fails_leaves_nothing(filled: Cli, tmp_path: Path) -> None:
    file = tmp_path / "acme.looma"
    filled.machine.stores.failing.add("mysql")
    assert filled("tenant", "export", "acme", str(file)).code == 1
    assert not file.exists()
    assert left(filled) == []
    assert filled.json("tenant", "export", "acme", str(tmp_path / "absent/x"), code=3)["error"]["code"] == "not_found"
    assert filled.json("tenant", "export", "acme", str(tmp_path), code=2)["error"]["code"] == "invalid_value"
    assert filled.json("tenant", "export", "nobody", str(file), code=3)["error"]["code"] == "not_found"


def test_dry_runs_change_nothing(filled: Cli, tmp_path: Path) -> None:
    file = tmp_path / "acme.looma"
    plan = filled.json("tenant", "export", "acme", str(file), "--dry-run")["plan"]
    assert plan["changes"][-1] == f"+ {file}"
    assert not file.exists()
    filled.json("tenant", "export", "acme", str(file))
    assert filled.json("tenant", "import", str(file), "--as", "copy", "--dry-run")["plan"]["kind"] == "backup.restore"
    assert [tenant["name"] for tenant in filled.json("tenant", "list")["tenants"]] == ["acme"]
    assert left(filled) == []


def test_an_import_that_fails_is_put_back(filled: Cli, tmp_path: Path) -> None:
    file = str(tmp_path / "acme.looma")
    filled.json("tenant", "export", "acme", file)
    filled.machine.stores.damaged.add("mysql")
    assert filled("tenant", "import", file, "--as", "copy").code == 1
    assert [tenant["name"] for tenant in filled.json("tenant", "list")["tenants"]] == ["acme"]
    assert left(filled) == []


def test_what_an_unfinished_import_needs_stays_until_it_is_finished(filled: Cli, tmp_path: Path) -> None:
    file = str(tmp_path / "acme.looma")
    filled.json("tenant", "export", "acme", file)
    folder = filled.machine.home / "tmp/export.999999999-1.folder-0123abcd"
    folder.mkdir(parents=True)
    other = filled.machine.home / "tmp/export.999999998-1.folder-0123abcd"
    other.mkdir()
    with filled.machine.world().store.write() as state:
        operation = next(one for one in state.operations(tenant="acme"))
        step = operation.plan.steps[0]
        plan = replace(operation.plan, tenant="copy", steps=(replace(step, params={"location": f"{folder}/repository"}),))
        state.add_operation(replace(operation, id="op-cut", tenant="copy", status="paused", plan=plan, steps=operation.steps[:1]))
    filled.json("tenant", "export", "acme", file, "--force")
    assert left(filled) == [str(folder)]


@pytest.mark.parametrize("content", [b"", b"not a tar at all", b"\0" * 2048, b"x" * 5000])
def test_what_is_no_such_file(cli: Cli, tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "bad"
    file.write_bytes(content)
    error = cli.json("tenant", "import", str(file), code=2)["error"]
    assert "is no file of" in error["message"]
    assert cli.json("tenant", "import", str(tmp_path / "absent"), code=3)["error"]["code"] == "not_found"
    assert left(cli) == []


def test_a_file_cut_short_anywhere_is_told_and_makes_nothing(filled: Cli, tmp_path: Path) -> None:
    file, cut = tmp_path / "acme.looma", tmp_path / "cut.looma"
    filled.json("tenant", "export", "acme", str(file))
    whole = file.read_bytes()
    with tarfile.open(file) as tar:
        last = tar.getmembers()[-1]
    for length in (600, 1024, 1500, last.offset, last.offset_data, last.offset_data + last.size // 2, last.offset_data + last.size - 1):
        cut.write_bytes(whole[:length])
        result = filled("tenant", "import", str(cut), "--as", "copy", "-o", "json")
        assert (result.code, result.error["code"]) in ((1, "repository_damaged"), (2, "invalid_value")), length
        assert length < 1024 or result.error["code"] == "repository_damaged"
    assert [tenant["name"] for tenant in filled.json("tenant", "list")["tenants"]] == ["acme"]
    assert left(filled) == []


def test_another_passphrase_does_not_open_it(filled: Cli, tmp_path: Path) -> None:
    file = str(tmp_path / "acme.looma")
    filled.json("tenant", "export", "acme", file)
    (filled.machine.home / "backup.passphrase").write_text("another\n")
    assert filled.json("tenant", "import", file, "--as", "copy", code=1)["error"]["code"] == "wrong_passphrase"
    assert left(filled) == []


def test_an_error_names_the_file_and_not_where_it_was_unpacked(filled: Cli, tmp_path: Path) -> None:
    file = tmp_path / "acme.looma"
    filled.json("tenant", "export", "acme", str(file))
    kept, other = b"\x8c\x04fake", b"\x8c\x04fakt"  # the passphrase of the repository in it
    file.write_bytes(file.read_bytes().replace(kept, other))
    error = filled.json("tenant", "import", str(file), "--as", "copy", code=1)["error"]
    assert (error["code"], error["message"]) == ("wrong_passphrase", f"the passphrase does not open the file {file}")


def test_a_file_of_a_newer_release(filled: Cli, tmp_path: Path) -> None:
    file = tmp_path / "acme.looma"
    filled.json("tenant", "export", "acme", str(file))
    with tarfile.open(file) as tar:
        header = tar.extractfile("looma-export.json")
        assert header is not None
        known = json.loads(header.read())
    file.write_bytes(file.read_bytes().replace(b'"format": 1', b'"format": 2'))
    error = filled.json("tenant", "import", str(file), "--as", "copy", code=4)["error"]
    assert error["code"] == "backup_too_new"
    assert known["written_by"] in error["message"]
