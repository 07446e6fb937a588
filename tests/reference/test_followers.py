"""A service over datastores that follow others: it reads, is refused writes, and writes through the same connections once they lead."""

from collections.abc import Iterator

import pytest

from .datastores import Datastores
from .service import Service, run

pytestmark = pytest.mark.engine

STORES = ["mysql", "postgresql", "redis"]
MYSQL_SESSIONS = "SELECT GROUP_CONCAT(id ORDER BY id) FROM information_schema.processlist WHERE user = 'looma' AND id <> CONNECTION_ID()"
POSTGRESQL_SESSIONS = """SELECT string_agg(pid::text, ',' ORDER BY pid) FROM pg_stat_activity
WHERE usename = 'looma' AND client_port > 0 AND pid <> pg_backend_pid()"""
REDIS_SESSIONS = ("CLIENT", "LIST", "TYPE", "normal")


@pytest.fixture(scope="module")
def followers(datastores: Datastores, environment: dict[str, str]) -> Iterator[Datastores]:
    """Holding the tables and one record."""
    datastores.drop()
    with Service(environment) as service:
        service.wait_until_healthy()
        assert service.post("k", "old").status_code == 201
    datastores.follow_nobody()
    yield datastores
    datastores.promote()


@pytest.fixture(scope="module")
def follower(followers: Datastores, environment: dict[str, str]) -> Iterator[Service]:
    """A service started on them, that uses one connection to each."""
    with Service(environment | {"DB_SERVICE_CONNECTIONS": "1"}) as service:
        service.wait_until_healthy()
        yield service


def test_it_reads(follower: Service) -> None:
    assert follower.read("k").json() == {"key": "k", "value": "old", "stores": dict.fromkeys(STORES, "old")}
    assert follower.counts() == dict.fromkeys(STORES, 1)
    assert follower.read("other").status_code == 404


def test_migrate_has_nothing_to_do(followers: Datastores, environment: dict[str, str]) -> None:
    assert run(["migrate"], environment).returncode == 0


@pytest.mark.parametrize(("without", "names"), [((), "mysql"), (("MYSQL",), "postgresql"), (("MYSQL", "POSTGRES"), "redis")])
def test_each_refuses_writes(followers: Datastores, environment: dict[str, str], without: tuple[str, ...], names: str) -> None:
    given = {name: value for name, value in environment.items() if name.partition("_")[0] not in without}
    with Service(given) as service:
        service.wait_until_healthy()
        refused = service.post("k", "new")
        assert (refused.status_code, refused.json()["error"]["stores"]) == (503, [names])
        assert service.read("k").json()["value"] == "old"


def test_what_differs_is_read_behind_no_lock(followers: Datastores, environment: dict[str, str]) -> None:
    """Followers come over one by one; to look again is no reason to fail."""
    followers.redis("REPLICAOF", "NO", "ONE")
    followers.redis("HSET", "looma:records", "k", "other")
    try:
        for without in ("NONE", "MYSQL"):
            with Service({name: value for name, value in environment.items() if name.partition("_")[0] != without}) as service:
                service.wait_until_healthy()
                answer = service.read("k")
                assert (answer.status_code, answer.json()["error"]["code"]) == (500, "stores_disagree"), answer.text
    finally:
        followers.redis("HSET", "looma:records", "k", "old")
        followers.redis("REPLICAOF", "127.0.0.1", "9")


def test_the_same_connections_write_after_a_promote(follower: Service, followers: Datastores) -> None:
    """The last one here: nobody follows any more, unless it is tried again."""
    followers.follow_nobody()
    follower.wait_until_healthy()
    for _ in range(3):
        assert follower.post("k", "new").status_code == 503
    assert follower.counts() == dict.fromkeys(STORES, 1)
    before = sessions(followers)
    assert all(before)
    followers.promote()
    answer = follower.post("k", "new")
    assert (answer.status_code, answer.json()) == (201, {"key": "k", "stores": STORES})
    assert sessions(followers) == before
    assert follower.read("k").json()["stores"] == dict.fromkeys(STORES, "new")


def sessions(datastores: Datastores) -> list[str]:
    """What tells the service's connections to each store from later ones."""
    clients = [line.split()[0] for line in datastores.redis(*REDIS_SESSIONS).splitlines() if "cmd=client" not in line]
    return [datastores.mysql(MYSQL_SESSIONS), datastores.postgresql(POSTGRESQL_SESSIONS), " ".join(clients)]
