"""The contract of StackFiles: a folder, and tables of the state (SQLite and PostgreSQL)."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from looma_cli.adapters.files import DatabaseFiles, DirectoryFiles
from looma_cli.errors import InvalidName, StateUnusable
from looma_cli.model.protocols import StackFiles
from tests.contract.conftest import Database
from tests.contract.unwell import CHECKOUT, run_on, small

COMPOSE = "data-g1/compose.yaml"
DATABASES = ["sqlite", pytest.param("postgresql", marks=pytest.mark.engine)]


@pytest.fixture(params=["directory", *DATABASES])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[StackFiles]:
    if request.param == "directory":
        yield DirectoryFiles(tmp_path / "home" / "stacks")
        return
    url = f"sqlite:///{tmp_path / 'looma.db'}"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgresql_server").new_database()
    database = Database(url)
    yield DatabaseFiles(database.store())
    database.close()


def test_nothing_is_there_at_first(files: StackFiles) -> None:
    assert files.read("acme", COMPOSE) is None
    assert files.names("acme") == []
    files.remove("acme", COMPOSE)
    files.remove_all("acme")


def test_everyone_with_a_file_is_listed(files: StackFiles) -> None:
    assert files.tenants() == []
    files.write("globex", COMPOSE, "x")
    files.write("acme", "override.yaml", "x")
    files.write("acme", COMPOSE, "x")
    assert files.tenants() == ["acme", "globex"]
    files.remove_all("acme")
    files.remove("globex", COMPOSE)
    assert files.tenants() == []


@pytest.mark.parametrize("text", ["", "a: 中文\n", "x" * 300_000, "\r\n \t end without newline"])
def test_what_was_written_is_read(files: StackFiles, text: str) -> None:
    files.write("acme", COMPOSE, "old")
    files.write("acme", COMPOSE, text)
    assert files.read("acme", COMPOSE) == text
    assert files.names("acme") == [COMPOSE]


def test_names_are_sorted_and_each_tenant_has_its_own(files: StackFiles) -> None:
    for name in ("override.yaml", "data-g2/compose.yaml", "app-g1/compose.yaml.previous", COMPOSE):
        files.write("acme", name, name)
    files.write("other", "override.yaml", "theirs")
    assert files.names("acme") == ["app-g1/compose.yaml.previous", COMPOSE, "data-g2/compose.yaml", "override.yaml"]
    assert files.read("acme", "override.yaml") == "override.yaml"
    files.remove("acme", COMPOSE)
    files.remove("acme", COMPOSE)
    assert COMPOSE not in files.names("acme")
    files.remove_all("acme")
    assert files.names("acme") == []
    assert files.read("other", "override.yaml") == "theirs"


def test_a_path_says_where_to_look(files: StackFiles) -> None:
    assert "acme" in files.path("acme", COMPOSE)
    assert COMPOSE in files.path("acme", COMPOSE)


BAD_NAMES = [
    *(
        "",
        "..",
        "../x",
        "a/../x",
        "/etc/passwd",
        "a//b",
        "a/",
        "/a",
        "./a",
        ".",
        "a/..",
        "-rf",
        "a/-rf",
        "a\0b",
        "a\nb",
        "a b",
        "~",
        "a\\b",
    ),
    *("中文", "a/b/c/d/e", "x" * 101, "$(id)", ".writing-x"),
]


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_name_that_could_leave_its_place_is_refused(files: StackFiles, name: str) -> None:
    for deed in (lambda: files.read("acme", name), lambda: files.write("acme", name, "x"), lambda: files.remove("acme", name)):
        with pytest.raises(InvalidName):
            deed()
    with pytest.raises(InvalidName):
        files.path("acme", name)
    assert files.names("acme") == []


@pytest.mark.parametrize("tenant", ["", "..", ".", "a", "/", "../other", "a/b", "Acme", "acme\n", "-acme", "acme-", "x" * 41])
def test_a_tenant_that_could_leave_its_place_is_refused(files: StackFiles, tenant: str) -> None:
    files.write("acme", "override.yaml", "kept")
    for deed in (lambda: files.read(tenant, "x"), lambda: files.write(tenant, "x", "x"), lambda: files.remove(tenant, "x")):
        with pytest.raises(InvalidName):
            deed()
    for whole in (files.names, files.remove_all):
        with pytest.raises(InvalidName):
            whole(tenant)
    assert files.read("acme", "override.yaml") == "kept"


def test_a_reader_sees_the_old_or_the_new_text_never_a_part(files: StackFiles) -> None:
    texts = {"a" * 200_000, "b" * 100_000}
    files.write("acme", COMPOSE, "a" * 200_000)
    ended = threading.Event()
    seen: set[str | None] = set()

    def look() -> None:
        while not ended.is_set():
            seen.add(files.read("acme", COMPOSE))

    reader = threading.Thread(target=look)
    reader.start()
    for _ in range(10):
        for text in texts:
            files.write("acme", COMPOSE, text)
    ended.set()
    reader.join()
    assert seen
    assert seen <= texts


def test_stored_files_go_with_their_tenant(database: Database) -> None:
    store = database.store()
    files = DatabaseFiles(store)
    files.write("acme", COMPOSE, "x")  # before the tenant is saved: a layer may be rendered first
    with store.write() as state:
        state.remove_tenant("acme")
    assert files.names("acme") == []


# the folder
@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "home" / "stacks"


def test_folders_and_files_are_private(root: Path) -> None:
    before = os.umask(0)
    try:
        DirectoryFiles(root).write("acme", COMPOSE, "x")
    finally:
        os.umask(before)
    modes = {path.relative_to(root.parent).as_posix(): stat.S_IMODE(path.stat().st_mode) for path in root.parent.rglob("*")}
    assert modes == {"stacks": 0o700, "stacks/acme": 0o700, "stacks/acme/data-g1": 0o700, "stacks/acme/data-g1/compose.yaml": 0o600}
    assert stat.S_IMODE(root.parent.stat().st_mode) == 0o700


def test_empty_folders_are_removed_but_not_those_with_something_in_them(root: Path) -> None:
    files = DirectoryFiles(root)
    files.write("acme", COMPOSE, "x")
    files.write("acme", "override.yaml", "x")
    files.remove("acme", COMPOSE)
    assert [path.name for path in (root / "acme").iterdir()] == ["override.yaml"]
    files.remove("acme", "override.yaml")
    assert list(root.iterdir()) == []


def test_what_a_killed_write_left_behind_is_not_listed_and_goes_with_the_tenant(root: Path) -> None:
    code = f"""
import sys
from pathlib import Path
from looma_cli.adapters.files import DirectoryFiles
files = DirectoryFiles(Path({str(root)!r}))
files.write("acme", "override.yaml", "old")
print("ready", flush=True)
while True:
    files.write("acme", "override.yaml", "n" * 3_000_000)
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, cwd=CHECKOUT)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    files = DirectoryFiles(root)
    assert files.names("acme") == ["override.yaml"]
    assert files.read("acme", "override.yaml") in ("old", "n" * 3_000_000)
    files.remove_all("acme")
    assert list(root.iterdir()) == []


def test_a_link_that_stands_for_the_tenants_folder_is_not_followed_by_removal(root: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "kept").write_text("x")
    root.mkdir(parents=True)
    (root / "acme").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StateUnusable):
        DirectoryFiles(root).remove_all("acme")
    assert (tmp_path / "elsewhere" / "kept").read_text() == "x"


def test_a_file_in_the_way_is_said(root: Path) -> None:
    root.mkdir(parents=True)
    (root / "acme").write_text("in the way")
    with pytest.raises(StateUnusable, match=r"Not a directory|File exists"):
        DirectoryFiles(root).write("acme", COMPOSE, "x")
    assert (root / "acme").read_text() == "in the way"


def test_a_full_disk_keeps_the_old_text(tmp_path: Path) -> None:
    code = f"""
from pathlib import Path
from looma_cli.adapters.files import DirectoryFiles
from looma_cli.errors import StateUnusable
files = DirectoryFiles(Path({str(tmp_path)!r}) / "stacks")
files.write("acme", "override.yaml", "old")
try:
    files.write("acme", "override.yaml", "n" * 300_000)
except StateUnusable as error:
    print(error.message)
print(files.names("acme"), files.read("acme", "override.yaml"), len(list(Path({str(tmp_path)!r}).rglob("*"))))
"""
    message, left = run_on(small(tmp_path, 64), code)
    assert "the disk is full" in message
    assert left == "['override.yaml'] old 3"
