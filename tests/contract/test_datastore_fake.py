"""The fake datastore keeps the promises of the real ones (those: tests/datastores/test_promises.py)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from looma_cli.errors import ReplicationFailed
from looma_cli.model.edition import Component
from looma_cli.model.layer import Workload
from tests.datastores import following
from tests.datastores.following import Pair
from tests.datastores.promises import PROMISES, Server
from tests.factories import make_mysql
from tests.fakes.daemon import FakeContainer, FakeDaemon
from tests.fakes.datastore import FakeDatastore, FakeStores


@pytest.fixture(params=["mysql", "postgresql"])
def server(request: pytest.FixtureRequest) -> Server:
    """A kind that holds its writers while a moment is taken, and one that does not."""
    daemon = FakeDaemon(volumes={"v_mysql-data": {}})
    daemon.containers["c"] = FakeContainer("1", "c", "any:1", volumes=("v_mysql-data",), state="running")
    stores, component = FakeStores(daemon), make_mysql(backup={"driver": request.param})
    workload = Workload("1", "c", "mysql", None, "running", "none", "any:1")
    stores.replace("v_mysql-data", {"records": {str(number): "x" for number in range(20)}})
    return Server(
        lambda: stores.open("local", workload, component),
        lambda name: stores.tables("v_mysql-data").setdefault("records", {}).update({name: "x"}),
    )


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.__name__)
def test_promise(server: Server, promise: Callable[[Server], None]) -> None:
    promise(server)


@dataclass
class Two:
    """An old and a new layer's store on one network. ``die`` is a looma that is killed: only the daemon and its data are left."""

    stores: FakeStores
    component: Component

    @property
    def pair(self) -> Pair:
        return Pair(
            lambda: self.store("old"),
            lambda: self.store("new"),
            "old",
            lambda name: self.stores.write("old-data", "records", name),
            lambda name: self.stores.write("new-data", "records", name),
        )

    def store(self, name: str) -> FakeDatastore:
        return self.stores.open("local", Workload(name, name, "mysql", None, "running", "none", "any:1"), self.component)

    def die(self, daemon: FakeDaemon) -> None:
        self.stores = self.stores.on(daemon)


@pytest.fixture(params=["mysql", "postgresql", "redis"])
def two(request: pytest.FixtureRequest) -> Two:
    daemon = daemon_of_two()
    stores = FakeStores(daemon)
    stores.replace("old-data", {"records": {str(number): "x" for number in range(20)}})
    return Two(stores, make_mysql(backup={"driver": request.param}))


def daemon_of_two() -> FakeDaemon:
    daemon = FakeDaemon(volumes={"old-data": {}, "new-data": {}})
    for name in ("old", "new"):
        daemon.containers[name] = FakeContainer(name, name, "any:1", volumes=(f"{name}-data",), state="running", networks={"data"})
    return daemon


@pytest.mark.parametrize("promise", following.PROMISES, ids=lambda promise: promise.__name__)
def test_promise_of_a_pair(two: Two, promise: Callable[[Pair], None]) -> None:
    promise(two.pair)


def test_following_outlives_looma(two: Two) -> None:
    following.follow(two.pair)
    two.die(daemon_of_two())
    following.new_row(two.pair)
    assert following.compared(two.pair) == []
    assert two.stores.replication.prepared == {"old-data"}
    two.pair.leader().dismiss()
    assert two.stores.replication.prepared == set()


def test_a_lagging_follower_has_nothing_of_what_it_has_not_reached(two: Two) -> None:
    following.follow(two.pair)
    two.stores.replication.lagging["mysql"] = 2
    following.new_row(two.pair)
    position, follower = two.pair.leader().position(), two.pair.follower()
    assert following.present(two.pair) != []
    assert [follower.reached(position) for _ in range(3)] == [False, False, True]
    assert following.present(two.pair) == []


def test_what_has_not_come_over_at_promote_never_does(two: Two) -> None:
    following.follow(two.pair)
    two.stores.replication.lagging["mysql"] = 1
    following.new_row(two.pair)
    two.pair.follower().promote()
    two.stores.replication.lagging.clear()
    assert following.present(two.pair) != []
    with pytest.raises(ReplicationFailed, match="it follows nobody"):
        two.pair.follower().reached(two.pair.leader().position())


def test_a_broken_follower_says_why_and_may_follow_again(two: Two) -> None:
    following.follow(two.pair)
    two.stores.replication.broken["mysql"] = "Duplicate entry"
    following.new_row(two.pair)
    with pytest.raises(ReplicationFailed, match="mysql follows no more: Duplicate entry"):
        two.pair.follower().reached(two.pair.leader().position())
    two.stores.replication.broken.clear()
    following.follow(two.pair)
    assert following.compared(two.pair) == []


def test_a_follow_that_fails_leaves_a_store_for_nobody_to_write_to(two: Two) -> None:
    two.stores.replication.failing.add("mysql")
    with pytest.raises(ReplicationFailed, match="the copy broke off"):
        following.follow(two.pair)
    assert not following.takes_writes(two.pair)
    assert two.stores.replication.prepared == {"old-data"}


def test_a_follower_that_reaches_no_leader_fails(two: Two) -> None:
    with pytest.raises(ReplicationFailed, match="Unknown server host"):
        two.pair.follower().follow(two.pair.leader(), "elsewhere", lambda text: None)

