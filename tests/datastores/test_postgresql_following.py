"""One PostgreSQL follows another: the shared promises, and what is PostgreSQL's own."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from looma_cli.adapters.engine import EngineApi
from looma_cli.errors import LoomaError, ReplicationFailed
from tests.datastores import postgresql_data
from tests.datastores.following import PROMISES, Pair, catch_up, compared, follow, new_row, present, takes_writes, wait_until_reached
from tests.datastores.postgresql_data import sql
from tests.datastores.postgresql_pair import Two, Writers, two_servers
from tests.datastores.postgresql_servers import store
from tests.datastores.servers import engine

pytestmark = pytest.mark.engine

ACCESS = """
SELECT (SELECT count(*) FROM pg_roles WHERE rolname = 'looma_follower'), (SELECT count(*) FROM pg_replication_slots),
    (SELECT count(*) FROM pg_hba_file_rules WHERE user_name = '{looma_follower}'), current_setting('primary_conninfo'),
    (SELECT count(*) FROM pg_file_settings WHERE name ~ 'primary|standby')
"""
NOTHING_LEFT = "0|0|0||0\n"
WHILE_FOLLOWING = """
CREATE ROLE late LOGIN PASSWORD 'pw' IN ROLE readers;
CREATE EXTENSION pg_trgm;
CREATE TABLE later (id serial, word text); INSERT INTO later (word) SELECT 'w' || g FROM generate_series(1, 100) g;
ALTER TABLE items ADD COLUMN more int DEFAULT 3; UPDATE items SET label = 'changed' WHERE id < 50; DELETE FROM items WHERE id > 400;
TRUNCATE husbands, wives; DROP VIEW "Open Orders"; CREATE DATABASE later;
SELECT nextval('down'), lo_put(4242, 1, 'zz'), lo_unlink(4243), lo_from_bytea(4246, 'new');
GRANT SELECT ON later TO readers; ALTER ROLE readers SET work_mem = '5MB';
"""


@pytest.fixture(scope="module")
def two(engine_required: EngineApi) -> Iterator[Two]:
    with two_servers(engine_required) as servers:
        yield servers


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.__name__)
def test_promise(two: Two, promise: Callable[[Pair], None]) -> None:
    promise(two.pair)


def test_no_row_that_was_acknowledged_is_lost_and_sessions_stay_open(two: Two) -> None:
    pair = two.pair
    writers = Writers(two.leader, 3)
    follow(pair)
    assert compared(pair) == []
    with engine().open_program(two.follower, ["psql", "-XqAtU", "looma"]) as client:
        client.write(b"SELECT 'open';\n")
        assert client.read() == b"open\n"
        acknowledged = writers.end()
        catch_up(pair)
        pair.follower().promote()
        client.write(b"INSERT INTO promised (name) VALUES ('after') RETURNING name;\n")
        assert client.read() == b"after\n"
    assert acknowledged > 3
    assert sql(two.follower, "SELECT count(*) FROM promised WHERE name ~ '^writer'") == f"{acknowledged}\n"
    assert sql(two.follower, ACCESS) == NOTHING_LEFT
    sql(two.leader, "DELETE FROM promised")


def test_a_follower_that_was_started_again_goes_on_following(two: Two) -> None:
    follow(two.pair)
    for end in ("kill", "stop"):
        two.end(two.follower, end)
        new_row(two.pair)
        assert not two.pair.follower().reached(two.pair.leader().position())
        two.start(two.follower)
        new_row(two.pair)
        assert compared(two.pair) == []


def test_a_promoted_server_that_is_started_again_follows_nobody(two: Two) -> None:
    pair = two.pair
    follow(pair)
    position = pair.leader().position()
    wait_until_reached(pair, position)
    pair.follower().promote()
    two.end(two.follower, "kill")
    two.start(two.follower)
    assert takes_writes(pair)
    assert pair.follower().reached(position)
    new_row(pair)
    with pytest.raises(ReplicationFailed, match="follows nobody: it was promoted at"):
        pair.follower().reached(pair.leader().position())
    assert sql(two.follower, ACCESS) == NOTHING_LEFT


def test_a_follower_whose_leader_was_dismissed_says_why(two: Two) -> None:
    pair = two.pair
    follow(pair)
    catch_up(pair)
    early = pair.leader().position()
    pair.leader().dismiss()
    assert pair.follower().reached(early)
    assert sql(two.leader, ACCESS) == NOTHING_LEFT
    new_row(pair)
    with pytest.raises(ReplicationFailed, match=r"follows no more: .*looma_follower"):
        catch_up(pair)


def test_a_leader_that_restarts_is_waited_for(two: Two) -> None:
    pair = two.pair
    follow(pair)
    two.end(two.leader, "kill")
    time.sleep(1)
    assert not pair.follower().reached({"lsn": "FF/0"})
    two.start(two.leader)
    new_row(two.pair)
    assert compared(two.pair) == []


def test_a_leader_that_dies_while_it_is_copied_fails_the_follow(two: Two) -> None:
    def die(text: str) -> None:
        if text.startswith("copying"):
            two.end(two.leader, "kill")

    with pytest.raises(LoomaError) as caught:
        follow(two.pair, die)
    assert caught.value.code in ("replication_failed", "engine_unavailable")
    assert not two.pair.follower().ready()
    two.start(two.leader)
    follow(two.pair)
    new_row(two.pair)
    assert compared(two.pair) == []


def test_all_that_a_server_can_hold_comes_over_and_so_do_its_changes(two: Two) -> None:
    pair = two.pair
    postgresql_data.fill(two.leader)
    assert pair.follower().obstacle(pair.leader()).startswith('table "销售".unlogged of database looma is unlogged')
    sql(two.leader, "ALTER TABLE 销售.unlogged SET LOGGED")
    assert pair.follower().obstacle(pair.leader()) == ""
    follow(pair)
    assert compared(pair) == []
    sql(two.leader, WHILE_FOLLOWING)
    assert compared(pair) == []
    assert pair.leader().obstacle(store(two.follower)) == "the leader follows another itself"
    pair.follower().promote()
    assert present(pair) == []
    ahead = "SELECT last_value - (SELECT max(id) FROM later) FROM later_id_seq"
    assert 0 <= int(sql(two.follower, ahead)) <= 32
