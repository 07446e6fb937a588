"""MariaDB's moments under writers: what is saved is of one snapshot, and nobody is held back for longer than it takes."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from looma_cli.adapters.datastores.mysql.held import writes_held
from looma_cli.adapters.engine import EngineApi
from looma_cli.errors import BackupFailed
from looma_cli.model.layer import Workload
from tests.datastores.mysql_server import Writer, client, differences, driver, opening, run, saved
from tests.datastores.servers import running

pytestmark = pytest.mark.engine

TABLES = """
CREATE DATABASE second;
USE looma;
CREATE TABLE looma.debits (id INT AUTO_INCREMENT PRIMARY KEY, amount INT, padding VARCHAR(2000));
CREATE TABLE second.credits LIKE looma.debits;
INSERT INTO looma.debits (amount, padding) SELECT seq, REPEAT('x', 1000) FROM seq_1_to_20000;
INSERT INTO second.credits (amount, padding) SELECT seq, REPEAT('y', 1000) FROM seq_1_to_20000;
CREATE TABLE looma.counter (n INT); INSERT INTO looma.counter VALUES (0);
"""
TRANSFER = """
START TRANSACTION; INSERT INTO looma.debits (amount) VALUES (7); UPDATE looma.debits SET amount = amount + 1 WHERE id = 5;
UPDATE second.credits SET amount = amount + 1 WHERE id = 5; INSERT INTO second.credits (amount) VALUES (7); COMMIT;
"""
BALANCE = "SELECT (SELECT SUM(amount) FROM looma.debits) - (SELECT SUM(amount) FROM second.credits);\n"
COUNT_UP = "UPDATE looma.counter SET n = n + 1;"


@pytest.fixture(scope="module")
def server(engine_required: EngineApi) -> Iterator[Workload]:
    with running(engine_required, "mysql") as workload:
        driver(workload)
        run(workload, TABLES)
        yield workload


@pytest.fixture(scope="module")
def target(engine_required: EngineApi) -> Iterator[Workload]:
    with running(engine_required, "mysql") as workload:
        yield workload


def test_dump_and_fingerprint_are_one_snapshot_while_others_write(server: Workload, target: Workload) -> None:
    writer = Writer(server, TRANSFER)
    before = writer.done
    with driver(server).moment() as moment:
        moment.release()
        streams = saved(moment)
        fingerprint = moment.fingerprint()
    assert writer.done > before
    writer.end()
    assert differences(fingerprint, driver(server).fingerprint())
    driver(target).restore(opening(streams), lambda text: None)
    assert differences(fingerprint, driver(target).fingerprint()) == []
    assert run(target, BALANCE) == "0"


def test_writes_wait_from_entering_until_release_and_none_fails(server: Workload) -> None:
    writer = Writer(server, COUNT_UP)
    with driver(server).moment() as moment:
        held = int(run(server, "SELECT n FROM looma.counter;\n"))
        time.sleep(0.3)
        assert int(run(server, "SELECT n FROM looma.counter;\n")) == held
        moment.release()
        moment.release()
        done = writer.done
        time.sleep(0.3)
        assert writer.done > done
    writer.end()
    assert 0.3 < writer.longest < 5


def test_the_position_is_the_binary_logs(server: Workload) -> None:
    with driver(server).moment() as moment:
        file, position, *_ = run(server, "SHOW MASTER STATUS;\n").split()
        assert (moment.position["file"], moment.position["position"]) == (file, position)
        assert moment.position["gtid"].startswith("0-1-")


@pytest.mark.exhaustive
def test_a_long_statement_makes_others_wait_only_shortly(server: Workload) -> None:
    slow = threading.Thread(target=run, args=(server, "UPDATE looma.debits SET amount = 1 WHERE id = 1 AND SLEEP(4) = 0;\n"))
    writer = Writer(server, COUNT_UP)
    slow.start()
    time.sleep(0.5)
    with driver(server).moment() as moment:
        moment.release()
    slow.join()
    writer.end()
    assert writer.longest < 3


@pytest.mark.exhaustive
def test_a_statement_that_never_ends_is_named_as_the_reason(server: Workload) -> None:
    slow = threading.Thread(target=run, args=(server, "UPDATE looma.debits SET amount = 1 WHERE id = 1 AND SLEEP(8) = 0;\n"))
    slow.start()
    time.sleep(0.5)
    with ExitStack() as stack, pytest.raises(BackupFailed, match="a statement that changes data runs for too long"):
        writes_held(client(server), stack, tries=2)
    run(server, COUNT_UP + "\n")
    slow.join()


@pytest.mark.exhaustive
def test_changed_definitions_fail_the_dump_and_say_which(server: Workload) -> None:
    with driver(server).moment() as moment:
        moment.release()
        run(server, "CREATE FUNCTION looma.one() RETURNS INT DETERMINISTIC RETURN 1;\n")
        with pytest.raises(BackupFailed, match="changed while the dump ran: routines of looma"):
            saved(moment)
    run(server, "DROP FUNCTION looma.one;\n")


@pytest.mark.exhaustive
def test_a_fingerprint_keeps_no_table_from_being_altered(server: Workload) -> None:
    with driver(server).moment() as moment:
        moment.release()
        moment.fingerprint()
        run(server, "SET lock_wait_timeout = 1; ALTER TABLE second.credits COMMENT 'altered';\n")


@pytest.mark.exhaustive
def test_a_table_without_snapshots_is_written_again_only_when_all_is_read(server: Workload) -> None:
    run(server, "CREATE OR REPLACE TABLE looma.old (n INT) ENGINE=MyISAM; INSERT INTO looma.old VALUES (1);\n")
    store = driver(server)
    with store.moment() as moment:
        moment.release()
        writer = threading.Thread(target=run, args=(server, "INSERT INTO looma.old VALUES (2);\n"))
        writer.start()
        run(server, COUNT_UP + "\n")
        streams, fingerprint = saved(moment), moment.fingerprint()
        assert writer.is_alive()
    writer.join(10)
    assert not writer.is_alive()
    assert b"INSERT INTO `old` VALUES (1);" in streams["data"]
    assert {part.name: part.rows for part in fingerprint.parts}["table looma.old"] == 1
    run(server, "DROP TABLE looma.old;\n")


HOLDING = """
import sys, time
from looma_cli.model.layer import Workload
from tests.datastores.mysql_server import driver
id = sys.argv[1]
with driver(Workload(id, id[:12], "mysql", None, "running", "none", "")).moment():
    print("held", flush=True)
    time.sleep(600)
"""


def test_the_locks_of_a_killed_looma_go_by_themselves_and_abandon_ends_the_rest(server: Workload) -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLDING, server.id], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    writer = threading.Thread(target=run, args=(server, COUNT_UP + "\n"))
    writer.start()
    time.sleep(0.3)
    assert writer.is_alive()
    holder.kill()
    holder.wait()
    writer.join(5)
    assert not writer.is_alive()
    driver(server).abandon()
    driver(server).abandon()
    assert run(server, "SELECT COUNT(*) FROM information_schema.processlist WHERE user = 'root' AND id <> CONNECTION_ID();\n") == "0"


@pytest.mark.exhaustive
def test_leaving_with_the_dump_unread_takes_no_time(server: Workload) -> None:
    with driver(server).moment() as moment:
        moment.release()
        time.sleep(0.5)
        left = time.monotonic()
    assert time.monotonic() - left < 10
