"""One Redis follows another: the shared promises, and what is Redis' own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest

from looma_cli.adapters.datastores.redis import RedisDatastore
from looma_cli.adapters.datastores.redis.following import older
from looma_cli.adapters.datastores.redis.session import Refused, Session, information
from looma_cli.adapters.engine import EngineApi
from looma_cli.errors import ReplicationFailed
from tests.datastores.following import PROMISES, Pair
from tests.datastores.redis_data import SETTINGS, ask, driver, fill, session
from tests.datastores.redis_pair import RedisPair, fill_with_noise, numbers, pair_of, quiet, wait_until, wait_until_reached, writing
from tests.datastores.servers import engine

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def two(engine_required: EngineApi) -> Iterator[RedisPair]:
    with pair_of(engine_required) as pair:
        yield pair


@pytest.fixture
def empty(two: RedisPair) -> RedisPair:
    """Nobody follows, and the leader holds nothing."""
    driver(two.follower).promote()
    ask(two.leader, "FLUSHALL")
    ask(two.leader, "FUNCTION", "FLUSH")
    return two


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.__name__)
def test_promise(two: RedisPair, promise: Callable[[Pair], None]) -> None:
    leader, follower = two.leader, two.follower
    promise(
        Pair(
            lambda: RedisDatastore(engine(), leader, SETTINGS),
            lambda: RedisDatastore(engine(), follower, SETTINGS),
            two.address,
            lambda name: ask(leader, "SET", name, "x"),
            lambda name: ask(follower, "SET", name, "x"),
        )
    )


def test_all_types_and_what_expires_come_over(empty: RedisPair) -> None:
    """Every 20 ms a key expires, while both are compared; they are divided alike, though not at the same time."""
    with session(empty.leader) as one:
        fill(one)
        follower = empty.follow()
        for i in range(1500):
            one.send("SET", f"soon gone {i}", i, "PX", 500 + 20 * i)
        for _ in range(1500):
            one.reply()
        one.call("PEXPIREAT", "text", 4_102_444_800_123)
        one.call("XACK", "events", "readers", "3-0")
        one.call("FUNCTION", "LOAD", "#!lua name=later\nredis.register_function('two', function() return 2 end)")
    with driver(empty.leader).moment(hold=True) as wanted:
        wait_until_reached(follower, wanted.position)
        time.sleep(1)
        with follower.moment() as found:
            parts = {part.name for part in wanted.fingerprint().parts}
            assert wanted.fingerprint().differences(found.fingerprint(), datetime.now(UTC)) == []
    assert {"database 0", "database 1", "database 15", "functions"} <= parts
    assert any("expiring before" in name for name in parts)
    follower.promote()
    assert ask(empty.follower, "FCALL", "two", 0) == 2


def test_nothing_acknowledged_is_lost_by_a_promote_and_a_kill(empty: RedisPair) -> None:
    """With a store that is nearly full, and writers all the time."""
    with session(empty.leader) as one:
        fill_with_noise(one, 30)
    with writing(empty.leader) as acknowledged:
        follower = empty.follow()
        copied = len(acknowledged)
        wait_until(lambda: len(acknowledged) > copied + 100)
    empty.catch_up()
    follower.promote()
    empty.restart(empty.follower, gently=False)
    assert numbers(empty.follower) == acknowledged
    assert ask(empty.follower, "DBSIZE") == 31
    assert ask(empty.leader, "ROLE")[0] == ask(empty.follower, "ROLE")[0] == b"master"


def test_a_leader_that_was_restarted_is_followed_on(empty: RedisPair) -> None:
    """A position of its life before is none that waiting reaches: what it says of it now would be a guess."""
    ask(empty.leader, "SET", "before", "x")
    follower = empty.follow()
    before = driver(empty.leader).position()
    wait_until_reached(follower, before)
    empty.restart(empty.leader, gently=True)
    ask(empty.leader, "SET", "after", "x")
    wait_until(lambda: ask(empty.follower, "EXISTS", "before", "after") == 2)
    empty.catch_up()
    with pytest.raises(ReplicationFailed, match="new history"):
        follower.reached(before)
    follower.promote()
    empty.restart(empty.follower, gently=False)
    assert ask(empty.follower, "EXISTS", "before", "after") == 2


def test_a_follower_that_was_killed_follows_nobody_until_it_is_told_again(empty: RedisPair) -> None:
    follower = empty.follow()
    ask(empty.leader, "SET", "first", "x")
    position = driver(empty.leader).position()
    wait_until_reached(follower, position)
    empty.restart(empty.follower, gently=False)
    with pytest.raises(ReplicationFailed, match="follows nobody"):
        follower.reached(position)
    follower.promote()
    assert ask(empty.follower, "EXISTS", "first") == 1
    empty.follow()
    ask(empty.leader, "SET", "second", "x")
    empty.catch_up()
    assert ask(empty.follower, "EXISTS", "first", "second") == 2


def test_sessions_stay_open_through_a_promote(empty: RedisPair) -> None:
    follower = empty.follow()
    with session(empty.follower) as client:
        with pytest.raises(Refused, match="READONLY"):
            client.call("SET", "mine", "x")
        follower.promote()
        assert client.call("SET", "mine", "x") == b"OK"


def test_a_dismissed_leader_has_its_settings_again_and_sends_nothing_more(empty: RedisPair) -> None:
    empty.follow()
    ask(empty.leader, "SET", "first", "x")
    empty.catch_up()
    changed = {name for name, value in empty.leaders_settings().items() if empty.settings[name] != value}
    assert changed == {b"client-output-buffer-limit"}
    driver(empty.leader).dismiss()
    assert empty.leaders_settings() == empty.settings
    ask(empty.leader, "SET", "second", "x")
    time.sleep(1.5)  # a replica whose connection broke comes again within a second
    assert ask(empty.leader, "ROLE")[2] == []
    assert ask(empty.follower, "EXISTS", "first", "second") == 1


def test_what_stands_in_the_way(empty: RedisPair) -> None:
    with session(empty.leader) as one:
        fill_with_noise(one, 3)
    leader, follower = driver(empty.leader), driver(empty.follower)
    assert follower.obstacle(leader) == ""
    limit = ask(empty.follower, "CONFIG", "GET", "maxmemory")[1]
    ask(empty.follower, "CONFIG", "SET", "maxmemory", "2mb")
    assert follower.obstacle(leader) == "its limit is 2 MiB, its leader holds 3 MiB"
    ask(empty.follower, "CONFIG", "SET", "maxmemory", limit)


class ServerOf(Session):
    """Says its version."""

    def __init__(self, version: str) -> None:
        self._version = version

    def call(self, *words: object) -> bytes:
        return f"# Server\r\nredis_version:{self._version}\r\n".encode()


@pytest.mark.parametrize(
    ("mine", "leaders", "obstacle"), [("7.0.15", "7.0.16", 0), ("7.4.1", "7.0.15", 0), ("7.0.15", "7.4.0", 1), ("7.4.1", "8.0.0", 1)]
)
def test_an_older_server_follows_no_newer_one(mine: str, leaders: str, obstacle: int) -> None:
    assert bool(older(ServerOf(mine), ServerOf(leaders))) == bool(obstacle)


def test_a_leader_that_lets_nobody_in(engine_required: EngineApi) -> None:
    with pair_of(engine_required) as two:
        follower = two.follow()
        position = driver(two.leader).position()
        with session(two.leader) as one:
            one.call("CONFIG", "SET", "requirepass", "other")
            one.call("CLIENT", "KILL", "TYPE", "replica")
            one.call("SET", "after", "x")
            later = {**position, "offset": information(one, "replication")["master_repl_offset"]}
            wait_until(lambda: _refusal(follower.reached, later))
            assert "WRONGPASS" in _refusal(follower.reached, later)
            assert follower.reached(position)
            one.call("CONFIG", "SET", "requirepass", "s3cret-of-tests")
        with session(two.follower) as here:
            here.call("CONFIG", "SET", "masterauth", "wrong")
        follower.promote()
        assert "WRONGPASS" in _refusal(follower.follow, driver(two.leader), two.address, quiet)


def _refusal(deed: Callable[..., object], *arguments: object) -> str:
    """Empty where there is none."""
    try:
        deed(*arguments)
    except ReplicationFailed as error:
        return error.message
    return ""


@pytest.mark.exhaustive
def test_a_leader_that_is_not_there(empty: RedisPair) -> None:
    message = _refusal(driver(empty.follower).follow, driver(empty.leader), "nobody-here", quiet)
    assert "Unable to connect to MASTER" in message
    driver(empty.follower).promote()


@pytest.mark.exhaustive
def test_a_hold_does_not_run_out(empty: RedisPair) -> None:
    """The server would end a pause by itself after ten seconds."""
    writer = threading.Thread(target=lambda: ask(empty.leader, "SET", "late", "x"), daemon=True)
    with driver(empty.leader).moment(hold=True) as moment:
        writer.start()
        time.sleep(15)
        assert writer.is_alive()
        moment.release()
        writer.join(5)
        assert not writer.is_alive()


@pytest.mark.exhaustive
def test_a_full_store_is_followed_within_its_memory_limit(empty: RedisPair) -> None:
    """As much as the component file lets it hold, and written anew while it goes over."""
    with session(empty.leader) as one:
        with pytest.raises(Refused, match="maxmemory"):
            fill_with_noise(one, 60)
        assert int(information(one, "memory")["used_memory"]) > 38 << 20
        store = empty.follow(lambda text: [one.call("SETRANGE", "noise 1", 0, "x" * 1000) for _ in range(1000)])
    empty.catch_up()
    wanted = driver(empty.leader).fingerprint()
    assert wanted.differences(store.fingerprint(wanted), datetime.now(UTC)) == []
