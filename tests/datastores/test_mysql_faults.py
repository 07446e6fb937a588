"""MariaDB's dump, cut short in every way that ends a process: it never ends as if it were complete."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from looma_cli.adapters.datastores.mysql import MysqlDatastore
from looma_cli.adapters.engine import EngineApi
from looma_cli.errors import BackupFailed, LoomaError
from looma_cli.model.layer import Workload
from tests.datastores.mysql_server import SETTINGS, driver, opening, run, saved
from tests.datastores.servers import engine, running

pytestmark = pytest.mark.engine

ROWS = """
USE looma; SET sql_log_bin = 0;
CREATE TABLE big (id INT PRIMARY KEY, padding VARCHAR(2000));
INSERT INTO big SELECT seq, REPEAT(MD5(seq), 60) FROM seq_1_to_60000;
"""
GROW = """
USE looma; SET sql_log_bin = 0, max_heap_table_size = 4294967296;
CREATE TABLE eater (padding BINARY(200)) ENGINE=MEMORY; INSERT INTO eater SELECT seq FROM seq_1_to_100000000;
"""


@pytest.fixture
def server(engine_required: EngineApi) -> Iterator[Workload]:
    with running(engine_required, "mysql") as workload:
        driver(workload)
        run(workload, ROWS)
        yield workload


def read_and_meanwhile(workload: Workload, fault: Callable[[], object]) -> bytes:
    """All of the dump, with the fault after its first piece."""
    with driver(workload).moment() as moment:
        moment.release()
        with moment.dump("data") as chunks:
            first = next(chunks)
            meanwhile = threading.Thread(target=fault)  # the engine answers little about a program whose output nobody takes
            meanwhile.start()
            time.sleep(0.3)
            try:
                return first + b"".join(chunks)
            finally:
                meanwhile.join(30)


def end_dump(workload: Workload) -> None:
    script = 'for one in /proc/[0-9]*; do case $(cat $one/comm 2>/dev/null) in mariadb-dump*) kill -KILL "${one#/proc/}";; esac; done'
    assert engine().execute(workload, ["sh", "-c", script])[0] == 0


def test_a_killed_dump_fails_and_the_next_one_is_whole(server: Workload) -> None:
    with pytest.raises(BackupFailed, match="mysqldump ended early with exit code 137"):
        read_and_meanwhile(server, lambda: end_dump(server))
    assert b"-- Dump completed" in read_and_meanwhile(server, lambda: None)[-200:]


@pytest.mark.exhaustive
def test_a_connection_that_the_server_ends_fails_the_dump(server: Workload) -> None:
    kill = "KILL USER root;\n"
    with pytest.raises(BackupFailed, match=r"mysqldump ended early with exit code 3: .*Lost connection"):
        read_and_meanwhile(server, lambda: _failing(lambda: run(server, kill)))


@pytest.mark.exhaustive
def test_a_lost_session_fails_the_fingerprint(server: Workload) -> None:
    with driver(server).moment() as moment:
        moment.release()
        _failing(lambda: run(server, "KILL USER root;\n"))
        with pytest.raises(BackupFailed):
            moment.fingerprint()


@pytest.mark.exhaustive
def test_a_server_that_stops_in_the_middle_fails_the_dump(server: Workload, engine_required: EngineApi) -> None:
    with pytest.raises(LoomaError) as caught:
        read_and_meanwhile(server, lambda: engine_required.post(f"/containers/{server.id}/stop", {"t": "1"}))
    assert caught.value.code in ("backup_failed", "engine_unavailable")
    assert not MysqlDatastore(engine(), server, SETTINGS).ready()
    with pytest.raises(BackupFailed, match="mysql does not run"), MysqlDatastore(engine(), server, SETTINGS).moment():
        pass


def test_a_server_killed_for_its_memory_fails_the_dump(engine_required: EngineApi) -> None:
    with running(engine_required, "mysql", memory_bytes=400 << 20) as server:
        driver(server)
        run(server, ROWS)
        with pytest.raises(LoomaError) as caught:
            read_and_meanwhile(server, lambda: _failing(lambda: run(server, GROW)))
        assert caught.value.code in ("backup_failed", "engine_unavailable")
        assert engine_required.get(f"/containers/{server.id}/json")["State"]["OOMKilled"]


def test_a_server_that_stops_in_the_middle_fails_the_restore(server: Workload, engine_required: EngineApi) -> None:
    with driver(server).moment() as moment:
        moment.release()
        streams = saved(moment)
    with running(engine_required, "mysql") as target:
        store = driver(target)

        def stop(text: str) -> None:
            if text.endswith("loaded") or text.startswith("removing"):
                engine_required.post(f"/containers/{target.id}/kill")

        with pytest.raises(BackupFailed):
            store.restore(opening(streams), stop)


def _failing(act: Callable[[], object]) -> None:
    """The one who brings the trouble is hit by it too."""
    try:
        act()
    except (AssertionError, LoomaError):
        return
