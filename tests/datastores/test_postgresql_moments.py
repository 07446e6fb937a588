"""One moment of a PostgreSQL server under load, and what happens when something dies in the middle of it."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest

from looma_cli.adapters.engine import EngineApi
from looma_cli.errors import BackupFailed, LoomaError, Unhealthy
from looma_cli.model.layer import Workload
from tests.datastores.postgresql_data import sql
from tests.datastores.postgresql_servers import readers, saved, started, store, wait_until
from tests.datastores.servers import engine, write_text

pytestmark = pytest.mark.engine
NOW = datetime(2026, 1, 1, tzinfo=UTC)
TABLES = """
CREATE TABLE sent (id bigserial PRIMARY KEY, amount int, note text);
CREATE TABLE received (id bigint PRIMARY KEY, amount int);
CREATE TABLE emptied (id int);
CREATE TABLE big (id int, filling text);
INSERT INTO big SELECT g, repeat(md5(g::text), 32) FROM generate_series(1, 12000) g;
"""
# Both tables in one transaction, a sequence that no transaction covers, and a large object.
STEP = """
BEGIN; INSERT INTO sent (amount, note) VALUES (1, 'x'); INSERT INTO received SELECT max(id), 1 FROM sent; COMMIT;
UPDATE sent SET amount = amount + 1 WHERE id % 7 = 0; SELECT lo_put(99, id % 9000, 'z') FROM sent ORDER BY id DESC LIMIT 1;
"""


@pytest.fixture(scope="module")
def source(engine_required: EngineApi) -> Iterator[Workload]:
    with started(engine_required) as server:
        sql(server, TABLES)
        sql(server, "SELECT lo_create(99)")
        yield server


@pytest.fixture(scope="module")
def target(engine_required: EngineApi) -> Iterator[Workload]:
    with started(engine_required) as server:
        yield server


@contextmanager
def written_all_the_time(server: Workload, step: str = STEP) -> Iterator[list[float]]:
    """Gives the seconds that each step took; fails the test when one fails."""
    took: list[float] = []
    failures: list[AssertionError] = []
    stopped = threading.Event()

    def write() -> None:
        try:
            while not stopped.is_set():
                begun = time.monotonic()
                sql(server, step * 20)
                took.append(time.monotonic() - begun)
        except AssertionError as error:
            failures.append(error)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield took
    finally:
        stopped.set()
        thread.join()
    assert not failures


def test_dump_and_fingerprint_are_one_moment_under_writers(source: Workload, target: Workload) -> None:
    with written_all_the_time(source) as took:
        wait_until(lambda: len(took) > 2)
        dumps = [saved(store(source)) for _ in range(2)]
        before = len(took)
        wait_until(lambda: len(took) > before)
    for dump in dumps:
        store(target).restore(readers(dump.streams), lambda text: None)
        assert dump.fingerprint.differences(store(target).fingerprint(), NOW) == []
        assert sql(target, "SELECT count(*) FROM sent FULL JOIN received USING (id) WHERE sent.id IS NULL OR received.id IS NULL") == "0\n"
        assert int(sql(target, "SELECT (SELECT last_value FROM sent_id_seq) - max(id) FROM sent")) >= 0
    assert dumps[0].fingerprint.digest != dumps[1].fingerprint.digest


def test_nobody_waits_for_a_moment(source: Workload) -> None:
    with store(source).moment() as moment:
        sql(source, "SET lock_timeout = '1s'; SET statement_timeout = '20s'; " + STEP)
        sql(source, "CREATE TABLE made_meanwhile (id int); DROP TABLE made_meanwhile;")
        sql(source, "CREATE DATABASE made_meanwhile; ", "postgres")
        sql(source, "DROP DATABASE made_meanwhile", "postgres")
        assert set(moment.position) == {"lsn", "timeline", "system"}


ALL_HAVE_LOCKED = """
SELECT bool_and(EXISTS (SELECT FROM pg_locks l WHERE l.pid = a.pid AND relation = 'emptied'::regclass)) AND bool_or(query ~ '^COPY')
FROM pg_stat_activity a WHERE application_name = 'looma-backup' AND datname = 'looma'
"""


@pytest.mark.exhaustive
def test_truncate_waits_and_changes_nothing_of_the_moment(source: Workload, target: Workload) -> None:
    sql(source, "INSERT INTO emptied SELECT generate_series(1, 1000)")
    truncating = threading.Thread(target=sql, args=(source, "TRUNCATE emptied"))
    with store(source).moment() as moment:
        moment.release()
        wait_until(lambda: sql(source, ALL_HAVE_LOCKED) == "t\n")
        truncating.start()
        wait_until(lambda: sql(source, "SELECT count(*) FROM pg_locks WHERE NOT granted") != "0\n")
        streams = {}
        for name in moment.streams:
            with moment.dump(name) as chunks:
                streams[name] = b"".join(chunks)
        fingerprint = moment.fingerprint()
    truncating.join(20)
    assert sql(source, "SELECT count(*) FROM emptied") == "0\n"
    assert {part.name: part.rows for part in fingerprint.parts}["table looma.public.emptied"] == 1000
    store(target).restore(readers(streams), lambda text: None)
    assert fingerprint.differences(store(target).fingerprint(), NOW) == []


def _locks(server: Workload, table: str) -> int:
    return int(sql(server, f"SELECT count(*) FROM pg_locks WHERE relation = '{table}'::regclass"))


@pytest.mark.exhaustive
def test_no_moment_while_a_table_is_locked_for_long(source: Workload) -> None:
    with engine().open_program(source, ["psql", "-XqU", "looma"]) as program:
        program.write(b"BEGIN; LOCK TABLE emptied;\n\\echo locked\n")
        assert program.read() == b"locked\n"
        begun = time.monotonic()
        with pytest.raises(BackupFailed, match="lock timeout"), store(source).moment():
            pass
        assert time.monotonic() - begun < 15
    wait_until(lambda: _locks(source, "emptied") == 0)
    assert saved(store(source)).fingerprint.rows


@pytest.mark.exhaustive
def test_no_moment_without_a_database_that_is_there(source: Workload) -> None:
    sql(source, "CREATE DATABASE closed ALLOW_CONNECTIONS false", "postgres")
    with pytest.raises(BackupFailed, match="database closed cannot be backed up"), store(source).moment():
        pass
    sql(source, "DROP DATABASE closed", "postgres")


def _kill(server: Workload, word: str) -> None:
    """The programs with this in their command line."""
    script = (
        'for p in /proc/[0-9]*; do tr "\\0" " " <"$p/cmdline" | grep -q "$1" && [ "${p#/proc/}" != $$ ] && kill -9 "${p#/proc/}"; done; :'
    )
    write_text(server, ["sh", "-c", script, "sh", word], "")


def _backends_end(server: Workload) -> None:
    sql(server, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'looma-backup' AND query ~ '^COPY'")


def _memory_runs_out(server: Workload) -> None:
    """What the kernel does then: it kills the process of the server that uses most, and the server starts all of them anew."""
    pid = sql(server, "SELECT pid FROM pg_stat_activity WHERE application_name = 'looma-backup' AND query ~ '^COPY' LIMIT 1").strip()
    write_text(server, ["sh", "-c", 'kill -KILL "$1"', "sh", pid], "")


DEATHS: dict[str, Callable[[Workload], None]] = {
    "program": lambda server: _kill(server, "^pg_dump.*[c]ustom"),
    "connection": _backends_end,
    "out of memory": _memory_runs_out,
}


def _read_slowly(chunks: Iterator[bytes]) -> None:
    for _ in chunks:
        time.sleep(0.1)


@pytest.mark.parametrize("death", DEATHS)
def test_a_dump_that_is_killed_in_the_middle_fails(source: Workload, death: str) -> None:
    with store(source).moment() as moment, moment.dump("database-looma") as chunks:
        next(chunks)
        wait_until(lambda: "COPY" in sql(source, "SELECT query FROM pg_stat_activity WHERE application_name = 'looma-backup'"))
        killing = threading.Thread(target=DEATHS[death], args=(source,))
        killing.start()
        with pytest.raises(BackupFailed, match="dump of database looma ended early"):
            _read_slowly(chunks)
        killing.join()
    wait_until(store(source).ready)
    assert saved(store(source)).fingerprint.rows


def test_a_killed_looma_leaves_nothing_behind(source: Workload) -> None:
    command = [sys.executable, "-m", "tests.datastores.postgresql_left", source.id, source.image]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as looma:
        assert looma.stdout is not None
        assert looma.stdout.readline() == b"taken\n"
        assert _sessions(source) >= 2
        looma.kill()
    store(source).abandon()
    wait_until(lambda: _sessions(source) == 0, 10)
    store(source).abandon()
    assert saved(store(source)).fingerprint.rows


def _sessions(server: Workload) -> int:
    return int(sql(server, "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'looma-backup'"))


@pytest.mark.exhaustive
def test_abandon_ends_a_moment_that_somebody_still_uses(source: Workload) -> None:
    with store(source).moment() as moment:
        store(source).abandon()
        with pytest.raises(BackupFailed):
            moment.fingerprint()


def _stop(api: EngineApi, server: Workload) -> None:
    api.post(f"/containers/{server.id}/stop?t=1")


def test_a_server_that_is_stopped_fails_the_dump(engine_required: EngineApi) -> None:
    with started(engine_required) as server:
        sql(server, TABLES)
        with store(server).moment() as moment, moment.dump("database-looma") as chunks:
            next(chunks)
            ending = threading.Thread(target=_stop, args=(engine_required, server))
            ending.start()
            with pytest.raises(LoomaError) as failure:
                _read_slowly(chunks)
            ending.join()
            assert failure.value.code in ("backup_failed", "engine_unavailable")
        assert not store(server).ready()
        with pytest.raises(Unhealthy):
            store(server).probe()
