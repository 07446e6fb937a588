"""What happens to a state on a full disk, in a read-only folder, corrupt, foreign, locked; and to a database that does not answer."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from looma_cli.adapters.clock import SystemClock
from looma_cli.adapters.database import open_store
from looma_cli.adapters.database.store import DatabaseStore, database_at
from looma_cli.errors import StateUnusable
from tests.contract.conftest import Database
from tests.contract.test_store import bare, port
from tests.contract.unwell import read_only, run_on, small

NewSqlite = Callable[[Path], Database]

WRITE = """
from pathlib import Path
from looma_cli.adapters.database import open_store
from looma_cli.errors import StateUnusable
from tests.contract.test_store import bare, port
home = Path({home!r})
store = open_store(home)

def attempt(number):
    try:
        with store.write() as state:
            state.add_tenant(bare(f"tenant-{{number}}", display_name="x" * 2000))
    except StateUnusable as error:
        print(error.message); print(error.hint)
        return False
    return True
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "looma.db"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with one tenant."""
    store = open_store(tmp_path)
    with store.write() as state:
        state.add_tenant(bare())
        state.add_allocations(port(number) for number in range(20000, 21000))
    store.close()
    return tmp_path


def refusal(store: DatabaseStore) -> StateUnusable:
    with pytest.raises(StateUnusable) as caught, store.write() as state:
        state.add_tenant(bare("another"))
    assert "\n" not in caught.value.message + caught.value.hint
    assert caught.value.hint
    return caught.value


# permissions and paths
def test_home_and_state_are_private_from_the_start(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        store = open_store(tmp_path / "deep" / "home")
        with store.write() as state:
            state.add_tenant(bare())
            modes = {found.name: stat.S_IMODE(found.stat().st_mode) for found in (tmp_path / "deep" / "home").iterdir()}
    finally:
        os.umask(before)
    store.close()
    assert stat.S_IMODE((tmp_path / "deep" / "home").stat().st_mode) == 0o700
    assert modes == {"looma.db": 0o600, "looma.db-wal": 0o600, "looma.db-shm": 0o600}


@pytest.mark.parametrize("name", ["with space", "a?b=c&d#e", "100%20", "极客", "quo'te\""])
def test_a_home_can_have_any_name(tmp_path: Path, name: str) -> None:
    store = open_store(tmp_path / name)
    with store.write() as state:
        state.add_tenant(bare())
    store.close()
    with open_store(tmp_path / name).read() as state:
        assert state.has_tenant("acme")
    assert [found.name for found in (tmp_path / name).iterdir() if found.suffix == ".db"] == ["looma.db"]
    assert [found.name for found in tmp_path.iterdir()] == [name]


def test_a_home_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("not a folder")
    error = refusal(open_store(tmp_path / "home"))
    assert "is not writable: Not a directory" in error.message
    assert (tmp_path / "home").read_text() == "not a folder"


def test_a_home_where_nothing_may_be_made_is_refused() -> None:
    error = refusal(open_store(Path("/proc/looma")))
    assert "the state /proc/looma/looma.db is not writable" in error.message
    assert "LOOMA_HOME" in error.hint


def test_an_existing_state_on_a_read_only_file_system_is_refused_and_unchanged(home: Path) -> None:
    before = (home / "looma.db").read_bytes()
    message, hint = run_on(read_only(home), WRITE.format(home=str(home)) + "\nattempt(1)")
    assert f"the state {home}/looma.db is not writable" in message
    assert "LOOMA_HOME" in hint
    assert (home / "looma.db").read_bytes() == before


def test_a_read_only_file_system_gets_no_state(tmp_path: Path) -> None:
    message, _ = run_on(read_only(tmp_path), WRITE.format(home=str(tmp_path / "home")) + "\nattempt(1)")
    assert "is not writable: Read-only file system" in message


# a full disk
def test_a_disk_too_small_for_a_state_gets_none(tmp_path: Path) -> None:
    code = WRITE.format(home=str(tmp_path)) + "\nattempt(1); print(sorted(p.name for p in home.iterdir()))"
    message, hint, left = run_on(small(tmp_path, 100), code)
    assert f"the disk is full: the state {tmp_path}/looma.db cannot grow" in message
    assert "free some space" in hint
    assert left == "[]"


def test_a_state_whose_disk_fills_keeps_what_it_has_and_goes_on_when_there_is_room(tmp_path: Path) -> None:
    code = f"""{WRITE.format(home=str(tmp_path))}
done = 0
while attempt(done):
    done += 1
with store.read() as state:
    print(done, len(state.tenants()), store.check())
import subprocess
subprocess.run(["mount", "-o", "remount,size=4000k", str(home)], check=True)
went_on = attempt(done)
with store.read() as state:
    print(went_on, len(state.tenants()))
"""
    message, hint, full, after = run_on(small(tmp_path, 700), code)
    assert "the disk is full" in message
    assert "free some space" in hint
    done, kept, problems = full.split(" ", 2)
    assert int(done) > 10
    assert (kept, problems) == (done, "[]")
    assert after == f"True {int(done) + 1}"


# a file that is no state
@pytest.mark.parametrize("content", [b"not a database at all", b"\0" * 5000, b"SQLite format 4\0" + b"x" * 5000])
def test_a_file_that_is_no_database_is_refused_and_left_alone(path: Path, new_sqlite: NewSqlite, content: bytes) -> None:
    path.write_bytes(content)
    error = refusal(new_sqlite(path).store())
    assert error.message == f"{path} is not a state of looma: it is no SQLite file"
    assert "move the file away" in error.hint
    assert path.read_bytes() == content


def test_a_database_of_another_program_is_refused_and_left_alone(path: Path, new_sqlite: NewSqlite) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE bookmarks (url TEXT)")
        connection.execute("CREATE TABLE alembic_version (version_num TEXT)")
    before = path.read_bytes()
    error = refusal(new_sqlite(path).store())
    assert error.message == f"{path} is not a state of looma: its 2 tables are of another program"
    assert path.read_bytes() == before


def test_an_empty_file_becomes_a_state(path: Path, new_sqlite: NewSqlite) -> None:
    path.touch()
    with new_sqlite(path).store().write() as state:
        state.add_tenant(bare())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_log_of_a_state_that_was_taken_away_does_not_get_into_a_new_one(home: Path, new_sqlite: NewSqlite) -> None:
    with new_sqlite(home / "looma.db").store().write() as state:
        state.add_tenant(bare("in-the-log"))
        former = state.installation()
        log, index = (home / "looma.db-wal").read_bytes(), (home / "looma.db-shm").read_bytes()
    for found in home.glob("looma.db*"):
        found.unlink()
    (home / "looma.db-wal").write_bytes(log)
    (home / "looma.db-shm").write_bytes(index)
    fresh = new_sqlite(home / "looma.db").store()
    with fresh.read() as state:
        assert state.tenants() == []
        assert state.installation() != former
    assert fresh.check() == []


@pytest.mark.parametrize(("start", "length"), [(100, 3996), (4096, 60_000)])
def test_a_corrupt_state_is_refused(home: Path, new_sqlite: NewSqlite, start: int, length: int) -> None:
    with (home / "looma.db").open("r+b") as file:
        file.seek(start)
        file.write(b"\x5a" * length)
    error = refusal(new_sqlite(home / "looma.db").store())
    assert f"the state {home}/looma.db is corrupt" in error.message
    assert "looma state rebuild" in error.hint


def test_a_truncated_state_is_refused(home: Path, new_sqlite: NewSqlite) -> None:
    os.truncate(home / "looma.db", 20_000)
    error = refusal(new_sqlite(home / "looma.db").store())
    assert "is corrupt" in error.message


def test_check_finds_what_a_read_does_not_meet(home: Path, new_sqlite: NewSqlite) -> None:
    """An index that says other than its table, and a row whose tenant is gone."""
    with closing(sqlite3.connect(home / "looma.db")) as connection, connection:
        connection.execute("DELETE FROM tenants")
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("UPDATE sqlite_master SET sql = replace(sql, '(tenant)', '(component)') WHERE name = 'ix_allocations_tenant'")
    problems = new_sqlite(home / "looma.db").store().check()
    assert any("ix_allocations_tenant" in problem for problem in problems)
    assert any("of allocations refers to a row of tenants that is not there" in problem for problem in problems)


# locks
def test_a_state_that_another_program_locks_is_said_to_be_locked(home: Path, new_sqlite: NewSqlite) -> None:
    with closing(sqlite3.connect(home / "looma.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        error = refusal(new_sqlite(home / "looma.db").store(busy_seconds=0.3))
        assert 0.3 <= time.monotonic() - began < 10
    assert error.message == f"the state {home}/looma.db is locked by another program"
    assert "fuser" in error.hint


def test_a_writer_waits_for_another(home: Path, new_sqlite: NewSqlite) -> None:
    with closing(sqlite3.connect(home / "looma.db", isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        threading.Timer(0.5, other.commit).start()
        with new_sqlite(home / "looma.db").store().write() as state:
            state.add_tenant(bare("another"))


def test_a_copy_that_cannot_be_kept_stops_the_migration(tmp_path: Path) -> None:
    first = Path(__file__).parents[1] / "fixtures" / "state-revision-1.db"
    mounts = f"{small(tmp_path, 200)}; cp {first} {tmp_path}/looma.db"
    code = f"""{WRITE.format(home=str(tmp_path))}
attempt(1)
import sqlite3
print(sqlite3.connect(home / "looma.db").execute("SELECT version_num FROM alembic_version").fetchone()[0])
print(sorted(p.name for p in home.iterdir() if "before" in p.name))
"""
    message, _, revision, copies = run_on(mounts, code)
    assert "the disk is full" in message
    assert (revision, copies) == ("0001", "[]")


# PostgreSQL
@pytest.mark.parametrize(
    ("url", "message", "hint"),
    [
        ("postgresql://postgres:secret@127.0.0.1:1/looma", "does not answer", "PostgreSQL runs"),
        ("postgresql://postgres:secret@no-such-host.invalid/looma", "does not answer", "PostgreSQL runs"),
    ],
)
def test_a_server_that_does_not_answer_is_named_without_its_password(url: str, message: str, hint: str) -> None:
    error = refusal(DatabaseStore(database_at(url), SystemClock()))
    assert message in error.message
    assert hint in error.hint
    assert "secret" not in error.message


@pytest.mark.engine
def test_a_wrong_password_or_database_is_said(postgresql_server: object) -> None:
    url = postgresql_server.url  # type: ignore[attr-defined]
    scheme, _, rest = url.partition("://")
    password = rest.partition(":")[2].partition("@")[0]
    error = refusal(DatabaseStore(database_at(url.replace(password, "wrong")), SystemClock()))
    assert "does not let looma in" in error.message
    assert "check user, password and database" in error.hint
    error = refusal(DatabaseStore(database_at(f"{scheme}://{rest.rpartition('/')[0]}/nowhere"), SystemClock()))
    assert '"nowhere" does not exist' in error.message


@pytest.mark.engine
def test_a_database_of_another_program_or_a_lock_is_said(postgresql_server: object) -> None:
    database = Database(postgresql_server.new_database())  # type: ignore[attr-defined]
    holder, waiter = database.store(), database.store(busy_seconds=0.3)
    with holder.write():
        assert "is locked by another session" in refusal(waiter).message
    with holder.connection() as connection:
        connection.exec_driver_sql("DROP TABLE installation")
    assert "is not a state of looma" in refusal(database.store()).message
    database.close()


def test_a_copied_home_is_the_same_installation(home: Path, tmp_path: Path) -> None:
    shutil.copytree(home, tmp_path / "copy", ignore=shutil.ignore_patterns("copy"))
    with open_store(home).read() as one, open_store(tmp_path / "copy").read() as other:
        assert one.installation() == other.installation()
        assert one.tenants() == other.tenants()
