"""One MariaDB follows another: the shared promises, and what is MySQL's own."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from looma_cli.adapters.datastores.mysql.client import Client
from looma_cli.adapters.datastores.mysql.session import Session
from looma_cli.adapters.engine import EngineApi
from looma_cli.errors import LoomaError, ReplicationFailed
from tests.datastores import mysql_data
from tests.datastores.following import PROMISES, Pair, catch_up, compared, follow, new_row, present, takes_writes, wait_until_reached
from tests.datastores.mysql_pair import CLIENT, Two, two_servers
from tests.datastores.mysql_server import PASSWORD_FILE, Writer, run
from tests.datastores.servers import engine

pytestmark = pytest.mark.engine

WHILE_FOLLOWING = """
CREATE DATABASE later CHARACTER SET latin1;
USE later;
CREATE TABLE keyless (word VARCHAR(9)); INSERT INTO keyless VALUES ('same'), ('same'), (NULL); DELETE FROM keyless LIMIT 1;
CREATE TABLE old_engine (id INT PRIMARY KEY, word TEXT) ENGINE=MyISAM; INSERT INTO old_engine VALUES (1, 'a'), (2, 'b');
CREATE TABLE logged (id INT); CREATE TRIGGER counted AFTER INSERT ON keyless FOR EACH ROW INSERT INTO logged VALUES (1);
INSERT INTO keyless VALUES ('once');
CREATE VIEW seen AS SELECT word FROM keyless; CREATE FUNCTION one() RETURNS INT DETERMINISTIC RETURN 1;
CREATE DEFINER=`looma`@`%` EVENT rare ON SCHEDULE EVERY 1 DAY ON COMPLETION PRESERVE COMMENT 'DISABLE ON SLAVE' DO DELETE FROM keyless;
CREATE USER late@'%' IDENTIFIED BY 'pw'; CREATE ROLE late_role; GRANT SELECT ON later.* TO late_role; GRANT late_role TO late@'%';
ALTER USER reader@'10.%' IDENTIFIED BY 'new'; DROP USER renewed@localhost;
USE looma;
ALTER TABLE keyless ADD COLUMN more INT DEFAULT 3; UPDATE keyless SET number = 9 WHERE word = 'same' LIMIT 1;
DROP TABLE nothing; CREATE TABLE nothing (id INT, at TIMESTAMP(6) NULL); INSERT INTO nothing VALUES (1, NOW(6));
UPDATE history SET word = 'third'; UPDATE parents SET next = NULL; DELETE FROM parents WHERE id = 3;
SELECT NEXT VALUE FOR tickets; DELETE FROM bytes WHERE id = 3;
INSERT INTO people (id, name) VALUES (5, ' trimmed ');
ALTER EVENT often DISABLE; CREATE EVENT off ON SCHEDULE EVERY 1 DAY DISABLE DO DELETE FROM nothing; ALTER EVENT nightly ENABLE;
CREATE OR REPLACE VIEW a_on_view AS SELECT id, name FROM people;
"""
EVENTS = "SELECT event_schema, event_name, definer, status, character_set_client, collation_connection FROM information_schema.events;"
TICKING = """
SET GLOBAL event_scheduler = ON; CREATE OR REPLACE TABLE looma.ticks (id INT AUTO_INCREMENT PRIMARY KEY, server BIGINT);
CREATE OR REPLACE EVENT looma.tick ON SCHEDULE EVERY 1 SECOND DO INSERT INTO looma.ticks (server) VALUES (@@server_id);
"""
SILENT = "SET GLOBAL event_scheduler = OFF; DROP EVENT looma.tick; DROP TABLE looma.ticks;"
MANY = "USE looma; CREATE OR REPLACE TABLE looma.many (id INT AUTO_INCREMENT PRIMARY KEY, word VARCHAR(40), padding VARCHAR(400));"
FIFTY_THOUSAND = "INSERT INTO looma.many (word, padding) SELECT 'first', REPEAT('x', 200) FROM seq_1_to_50000;"


@pytest.fixture(scope="module")
def two(engine_required: EngineApi) -> Iterator[Two]:
    with two_servers(engine_required) as servers:
        yield servers


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.__name__)
def test_promise(two: Two, promise: Callable[[Pair], None]) -> None:
    promise(two.pair)


def test_no_row_that_was_acknowledged_while_it_was_copied_is_lost(two: Two) -> None:
    run(two.leader, MANY + FIFTY_THOUSAND)
    writers = [Writer(two.leader, f"INSERT INTO looma.many (word) VALUES ('{name}');") for name in ("a", "b", "c")]
    follow(two.pair)
    assert compared(two.pair) == []
    for writer in writers:
        writer.end()
    catch_up(two.pair)
    two.pair.follower().promote()
    counted = dict(line.split("\t") for line in run(two.follower, "SELECT word, COUNT(*) FROM looma.many GROUP BY word;").splitlines())
    assert counted == {"first": "50000", **{name: str(writer.done) for name, writer in zip("abc", writers, strict=True)}}
    assert present(two.pair) == []
    run(two.leader, "DROP TABLE looma.many;")


def test_an_event_runs_on_one_of_the_two(two: Two) -> None:
    run(two.leader, TICKING)
    try:
        follow(two.pair)
        time.sleep(1.5)
        assert compared(two.pair) == []
        assert run(two.follower, "SELECT DISTINCT server FROM looma.ticks;") == "1"
        two.pair.follower().promote()
        deadline = time.monotonic() + 10
        while run(two.follower, "SELECT COUNT(DISTINCT server) FROM looma.ticks;") != "2":
            assert time.monotonic() < deadline, "the event runs nowhere after promote"
            time.sleep(0.2)
    finally:
        run(two.leader, SILENT)


def test_a_session_of_a_client_stays_open_through_promote(two: Two) -> None:
    follow(two.pair)
    with Client(engine(), two.follower, CLIENT, PASSWORD_FILE).query("") as program:
        session = Session(program)
        number = session.value("SELECT CONNECTION_ID()")
        two.pair.follower().promote()
        assert session.each(["INSERT INTO looma.other VALUES (1)", "SELECT CONNECTION_ID()"])[1] == [(number,)]
        session.close()


def test_a_follower_that_cannot_apply_a_change_says_why(two: Two) -> None:
    follow(two.pair)
    run(two.follower, "INSERT INTO looma.followed (id, name) VALUES (1000000, 'in the way');")
    run(two.leader, "INSERT INTO looma.followed (id, name) VALUES (1000000, 'other');")
    with pytest.raises(ReplicationFailed, match=r"follows no more: .*Duplicate entry '1000000'"):
        catch_up(two.pair)
    follow(two.pair)
    assert compared(two.pair) == []


def test_a_follower_whose_leader_was_dismissed_says_so(two: Two) -> None:
    follow(two.pair)
    catch_up(two.pair)
    early = two.pair.leader().position()
    two.pair.leader().dismiss()
    assert two.pair.follower().reached(early)
    new_row(two.pair)
    with pytest.raises(ReplicationFailed, match=r"follows no more: .*Access denied"):
        catch_up(two.pair)
    assert run(two.leader, "SELECT COUNT(*) FROM mysql.user WHERE user = 'looma_follower';") == "0"


def test_a_leader_that_cannot_be_followed_is_named_before(two: Two) -> None:
    two.pair.follower().promote()
    run(two.leader, "SET GLOBAL binlog_format = MIXED;")
    assert two.pair.follower().obstacle(two.pair.leader()) == "the other's binary log is of the form MIXED, not ROW"
    run(two.leader, "SET GLOBAL binlog_format = ROW;")
    assert two.pair.follower().obstacle(two.pair.leader()) == ""
    follow(two.pair)
    assert two.pair.leader().obstacle(two.pair.follower()) == "the other follows a server itself"


def test_a_follower_that_was_started_again_is_not_relied_on(two: Two) -> None:
    follow(two.pair)
    position = two.pair.leader().position()
    two.kill(two.follower)
    two.start(two.follower)
    with pytest.raises(ReplicationFailed, match="started again while it followed"):
        two.pair.follower().reached(position)
    follow(two.pair)
    new_row(two.pair)
    assert compared(two.pair) == []


def test_a_promoted_server_that_is_started_again_follows_nobody(two: Two) -> None:
    follow(two.pair)
    catch_up(two.pair)
    two.pair.follower().promote()
    two.kill(two.follower)
    two.start(two.follower)
    new_row(two.pair)
    assert takes_writes(two.pair)
    with pytest.raises(ReplicationFailed, match="follows nobody"):
        two.pair.follower().reached(two.pair.leader().position())


def test_a_leader_that_dies_while_it_is_copied_fails_the_follow(two: Two) -> None:
    def die(text: str) -> None:
        if text.startswith("copying"):
            two.kill(two.leader)

    with pytest.raises(LoomaError) as caught:
        follow(two.pair, die)
    assert caught.value.code in ("replication_failed", "engine_unavailable")
    two.start(two.leader)
    follow(two.pair)
    new_row(two.pair)
    assert compared(two.pair) == []


def test_a_leader_that_is_gone_is_waited_for_and_keeps_nobody_from_promoting(two: Two) -> None:
    pair = two.pair
    follow(pair)
    position = pair.leader().position()
    wait_until_reached(pair, position)
    two.kill(two.leader)
    time.sleep(0.5)
    assert pair.follower().reached(position)
    assert not pair.follower().reached({**position, "position": str(int(position["position"]) + 1)})
    began = time.monotonic()
    pair.follower().promote()
    assert time.monotonic() - began < 5
    assert takes_writes(pair)
    two.start(two.leader)


def test_all_that_a_server_can_hold_comes_over_and_so_do_its_changes(two: Two) -> None:
    run(two.leader, mysql_data.AWKWARD)
    follow(two.pair)
    assert compared(two.pair) == []
    run(two.leader, WHILE_FOLLOWING)
    assert compared(two.pair) == []
    two.pair.follower().promote()
    assert present(two.pair) == []
    assert sorted(run(two.follower, EVENTS).splitlines()) == sorted(run(two.leader, EVENTS).splitlines())
    assert "ENABLED" in run(two.follower, EVENTS)
    assert run(two.follower, "SELECT COUNT(*) FROM later.logged;") == "1"
