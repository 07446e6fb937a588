"""A moment of PostgreSQL for which writers wait: none of them fails, whatever they are in the middle of."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from looma_cli.adapters.engine import EngineApi
from looma_cli.errors import BackupFailed
from looma_cli.model.layer import Workload
from tests.datastores.postgresql_data import sql
from tests.datastores.postgresql_servers import started, store, wait_until
from tests.datastores.servers import engine

pytestmark = pytest.mark.engine
TABLES = "CREATE TABLE a (id int); CREATE TABLE b (id int); SELECT lo_from_bytea(7, 'x');"
LOCKED = "SELECT count(*) FROM pg_locks WHERE mode = 'ShareLock' AND relation = 'a'::regclass AND granted"


@pytest.fixture(scope="module")
def server(engine_required: EngineApi) -> Iterator[Workload]:
    with started(engine_required) as server:
        sql(server, TABLES)
        yield server


def test_a_writer_that_holds_one_table_and_wants_another_is_not_failed(server: Workload) -> None:
    """It has the second and then wants the first, which is locked before the second: a deadlock, had the moment no less patience."""
    failed: list[AssertionError] = []
    stopped = threading.Event()

    def write() -> None:
        try:
            while not stopped.is_set():
                sql(server, "BEGIN; INSERT INTO b VALUES (1); SELECT pg_sleep(0.3); INSERT INTO a VALUES (1); COMMIT;")
        except AssertionError as error:
            failed.append(error)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        for _ in range(2):
            with store(server).moment(hold=True) as moment:
                assert sql(server, LOCKED) == "1\n"
                moment.release()
                assert sql(server, LOCKED) == "0\n"
                rows = {part.name: part.rows for part in moment.fingerprint().parts}
                assert rows["table looma.public.a"] == rows["table looma.public.b"]
    finally:
        stopped.set()
        thread.join()
    assert failed == []


WAIT = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name = 'psql'"
WAITING = ("INSERT INTO a VALUES (2)", "SELECT lo_put(7, 0, 'y')", "CREATE TABLE c (id int)", "TRUNCATE b", "CREATE ROLE waiting")


@pytest.mark.exhaustive
def test_all_kinds_of_writers_wait_and_readers_do_not(server: Workload) -> None:
    threads = [threading.Thread(target=sql, args=(server, statement)) for statement in WAITING]
    with store(server).moment(hold=True) as moment:
        for thread in threads:
            thread.start()
        wait_until(lambda: sql(server, WAIT) == f"{len(WAITING)}\n")
        assert sql(server, "SELECT count(*) >= 0 FROM a") == "t\n"
        time.sleep(1.5)  # each has looked for a deadlock by now
        moment.release()
    for thread in threads:
        thread.join()
    assert sql(server, "SELECT convert_from(lo_get(7), 'UTF8'), to_regclass('c'), (SELECT count(*) FROM b)") == "y|c|0\n"


@pytest.mark.exhaustive
def test_no_moment_is_held_against_a_transaction_that_does_not_end(server: Workload) -> None:
    with engine().open_program(server, ["psql", "-XqU", "looma"]) as program:
        program.write(b"BEGIN; INSERT INTO a VALUES (3);\n\\echo written\n")
        assert program.read() == b"written\n"
        with pytest.raises(BackupFailed, match="timeout"), store(server).moment(hold=True):
            pass
        assert sql(server, LOCKED) == "0\n"
        with store(server).moment() as moment:  # without anybody waiting there is one
            assert moment.fingerprint().rows >= 0
