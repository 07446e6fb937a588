"""The file of an export: what goes in comes out, and a hostile one writes nothing where it should not."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest

from looma_cli.adapters.archive import TarArchives
from looma_cli.errors import AlreadyExists, CommandFailed, InvalidValue, LoomaError, RepositoryDamaged
from looma_cli.model.backup import ExportHeader

HEADER = ExportHeader("acme", "bk-0123456789", "basic", "1.4.2", "looma test")
HEX = "ab" * 32
SAID = {"format": 1, "tenant": "acme", "backup": "bk-1", "edition": "basic", "release": "1", "written_by": "looma"}


@pytest.fixture
def archives(tmp_path: Path) -> TarArchives:
    return TarArchives(tmp_path / "tmp")


def repository(folder: Path) -> Path:
    files = {"config": b"c", f"data/ab/{HEX}": b"d" * 70_000, f"keys/{HEX}": b"", f"locks/{HEX}": b"l", "stray.txt": b"s"}
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def member(name: str, size: int = 1, **more: Any) -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.size = size
    for key, value in more.items():
        setattr(made, key, value)
    return made


def hostile(path: Path, members: list[tarfile.TarInfo], **said: Any) -> str:
    head = json.dumps({**SAID, "files": len(members), "size_bytes": sum(m.size for m in members), **said}).encode()
    with tarfile.open(path, "w") as tar:
        tar.addfile(member("looma-export.json", len(head)), io.BytesIO(head))
        for each in members:
            tar.addfile(each, io.BytesIO(b"x" * each.size) if each.isreg() else None)
    return str(path)


def test_what_goes_in_comes_out(archives: TarArchives, tmp_path: Path) -> None:
    source, file = repository(tmp_path / "source"), tmp_path / "out.looma"
    assert archives.pack(str(source), HEADER, str(file), replace=False) == file.stat().st_size
    folder = archives.folder()
    assert archives.unpack(str(file), f"{folder}/repository") == HEADER
    there = {p.relative_to(f"{folder}/repository").as_posix(): p.read_bytes() for p in Path(folder).rglob("*") if p.is_file()}
    assert there == {"config": b"c", f"data/ab/{HEX}": b"d" * 70_000, f"keys/{HEX}": b""}
    assert sorted(p.name for p in Path(f"{folder}/repository").iterdir() if p.is_dir()) == ["data", "index", "keys", "locks", "snapshots"]


@pytest.mark.parametrize(
    "bad",
    [
        member("../../escaped"),
        member("/tmp/escaped-absolute"),
        member(f"data/../{HEX}"),
        member("config/"),
        member("data"),
        member(f"keys/{HEX}\n"),
        member("config", 0, type=tarfile.SYMTYPE, linkname="/etc/passwd"),
        member("config", 0, type=tarfile.LNKTYPE, linkname="looma-export.json"),
        member("config", 0, type=tarfile.CHRTYPE),
        member("config", 0, type=tarfile.FIFOTYPE),
        member(f"data/ab/{HEX}", 0, type=tarfile.DIRTYPE),
    ],
    ids=lambda m: f"{m.name!r}{m.type!r}",
)
def test_what_restic_would_not_have_written_is_refused(archives: TarArchives, tmp_path: Path, bad: tarfile.TarInfo) -> None:
    file = hostile(tmp_path / "bad.looma", [bad])
    folder = archives.folder()
    with pytest.raises(RepositoryDamaged):
        archives.unpack(file, f"{folder}/repository")
    assert [p for p in tmp_path.rglob("*") if "escaped" in p.name] == []
    assert [p for p in Path(folder).rglob("*") if not p.is_dir() or p.is_symlink()] == []


def test_more_than_it_says_less_than_it_says_and_twice_the_same(archives: TarArchives, tmp_path: Path) -> None:
    two = [member("config", 10), member(f"keys/{HEX}", 10)]
    for number, (members, said) in enumerate(
        [(two, {"files": 1}), (two, {"files": 3}), (two, {"size_bytes": 19}), (two, {"size_bytes": 21}), ([two[0], two[0]], {})]
    ):
        with pytest.raises(RepositoryDamaged):
            archives.unpack(hostile(tmp_path / f"{number}", members, **said), f"{archives.folder()}/repository")


@pytest.mark.parametrize(
    "said",
    [{"files": -1}, {"files": True}, {"files": "1"}, {"files": 10**9}, {"size_bytes": -1}, {"size_bytes": 1.5}, {"tenant": 3},
     {"tenant": None}, {"format": "1"}, {"format": None}],
)  # fmt: skip
def test_a_header_that_is_none(archives: TarArchives, tmp_path: Path, said: dict[str, Any]) -> None:
    with pytest.raises(InvalidValue):
        archives.unpack(hostile(tmp_path / "bad", [member("config")], **said), f"{archives.folder()}/repository")


def test_one_that_claims_to_be_larger_than_the_disk_is_refused_before_anything_is_written(archives: TarArchives, tmp_path: Path) -> None:
    folder = archives.folder()
    with pytest.raises(RepositoryDamaged, match="bytes where"):
        archives.unpack(hostile(tmp_path / "bad", [member("config")], size_bytes=1 << 60), f"{folder}/repository")
    assert os.listdir(folder) == []


def test_another_tar_and_a_header_too_long(archives: TarArchives, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "other.tar", "w") as tar:
        tar.addfile(member("README", 3), io.BytesIO(b"abc"))
    with pytest.raises(InvalidValue):
        archives.unpack(str(tmp_path / "other.tar"), f"{archives.folder()}/repository")
    with pytest.raises(InvalidValue):
        archives.unpack(hostile(tmp_path / "long", [member("config")], padding="x" * 70_000), f"{archives.folder()}/repository")


def test_one_who_was_faster_is_not_overwritten(archives: TarArchives, tmp_path: Path) -> None:
    file = tmp_path / "out.looma"
    file.write_text("theirs")
    with pytest.raises(AlreadyExists):
        archives.pack(str(repository(tmp_path / "source")), HEADER, str(file), replace=False)
    assert file.read_text() == "theirs"
    archives.pack(str(tmp_path / "source"), HEADER, str(file), replace=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.looma", "source"]


def test_a_full_disk_is_told_and_leaves_nothing(archives: TarArchives, tmp_path: Path) -> None:
    with pytest.raises(LoomaError) as told:
        archives.pack(str(repository(tmp_path / "source")), HEADER, "/dev/full/x", replace=False)
    assert told.value.hint
    with pytest.raises(CommandFailed):
        TarArchives(Path("/proc/nowhere")).folder()


def test_what_a_killed_process_left_is_found_and_what_a_living_one_has_is_not(archives: TarArchives, tmp_path: Path) -> None:
    mine = archives.folder()
    code = (
        "import sys; from pathlib import Path; from looma_cli.adapters.archive import TarArchives, _mine; "
        f"print(TarArchives(Path({str(tmp_path / 'tmp')!r})).folder()); "
        f"Path({str(tmp_path)!r}, _mine('.out.looma', 'part')).touch()"
    )
    theirs = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    (tmp_path / "tmp/export.of-a-person").mkdir()
    assert archives.left() == [theirs]
    assert mine != theirs
    archives.remove(theirs)
    archives.remove(theirs)
    assert archives.left() == []
    archives.pack(str(repository(tmp_path / "source")), HEADER, str(tmp_path / "out.looma"), replace=False)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.looma", "source", "tmp"]
