"""Switches, upgrades and the ways back of a real tenant, while others read and write: no read fails, and nothing acknowledged is lost."""

from __future__ import annotations

import time
from itertools import pairwise

import httpx
import pytest

from tests.integration.homes import Home, new_tenant, wait_until
from tests.integration.records import Clients, counts, missing, present, write

pytestmark = [pytest.mark.engine, pytest.mark.slow]
ROUND = ("basic", "pro", "future", "dao", "blockchain", "basic")
STORES = ("mysql", "redis", "postgresql")


class Customer:
    def __init__(self, home: Home, name: str) -> None:
        self.home = home
        self.name = name
        self.url: str = home.create(name)["url"]

    def show(self) -> dict:
        return self.home.json("tenant", "show", self.name)

    def info(self) -> dict:
        return httpx.get(f"{self.url}/info", timeout=30).json()

    def assert_whole(self, edition: str, release: str | None = None) -> None:
        """One edition wholly serving, and nothing that does not belong there."""
        tenant, info = self.show(), self.info()
        assert (tenant["edition"], tenant["status"], info["edition"]) == (edition, "running", edition)
        assert info["release"] == tenant["release"] == (release or tenant["release"])
        wait_until(lambda: self.home("health", self.name).code == 0, 60, "health")  # a probe may come too late on a busy machine
        assert self.home("state", "audit").code == 0
        assert self.home.outside_programs() == []

    def assert_has(self, *clients: Clients) -> None:
        """All that was acknowledged, alike in every datastore."""
        keys = [key for client in clients for key in client.acknowledged]
        assert keys
        assert missing(self.url, keys) == []
        assert len(set(counts(self.url).values())) == 1


@pytest.fixture(scope="module")
def acme(shared_home: Home) -> Customer:
    return Customer(shared_home, new_tenant("sw"))


def assert_only_writes_waited(clients: Clients) -> None:
    assert set(clients.reads) == {200}, "reads never fail"
    assert set(clients.writes) <= {201, 503}, "writes are taken, or told to come again"
    assert clients.strange == []


def assert_nobody_noticed(clients: Clients) -> None:
    assert set(clients.reads) == {200}
    assert set(clients.writes) == {201}


def test_a_switch_an_upgrade_and_the_ways_back_under_readers_and_writers(acme: Customer) -> None:
    write(acme.url, "before")
    with Clients(acme.url, "one-") as first, Clients(acme.url, "two-", 0.1) as second:
        first.wait_for(3)
        began = time.monotonic()
        operation = acme.home.json("edition", "switch", acme.name, "pro", "--no-backup")
        first.wait_for(len(first.acknowledged) + 3)
    for clients in (first, second):
        assert_only_writes_waited(clients)
    assert second.writes[503]
    assert operation["result"]["write_freeze_ms"] > 0
    acme.assert_whole("pro")
    acme.assert_has(first, second)
    assert present(acme.url, "before")
    assert acme.show()["generations"] == {"data": 2, "app": 2}

    with Clients(acme.url, "three-") as third:
        third.wait_for(3)
        acme.home.json("tenant", "upgrade", acme.name, "--release", "1.4.2")
        acme.home.json("tenant", "rollback", acme.name)
        third.wait_for(len(third.acknowledged) + 3)
    assert_nobody_noticed(third)
    acme.assert_whole("pro")
    acme.assert_has(first, second, third)

    plan = acme.home.json("edition", "rollback", acme.name, "--dry-run")["plan"]
    assert sorted(line.partition(":")[0] for line in plan["warnings"]) == sorted(STORES)
    with Clients(acme.url, "four-") as fourth:
        fourth.wait_for(3)
        acme.home.json("edition", "rollback", acme.name, "--yes")
        back = len(fourth.acknowledged)
        fourth.wait_for(back + 3)
    assert_only_writes_waited(fourth)
    acme.assert_whole("basic")
    assert missing(acme.url, ["before", *(key for key, at in first.acknowledged.items() if at < began)]) == []
    assert not any(present(acme.url, key) for key in list(third.acknowledged)[:5]), "that was the price, and it was said"
    assert all(present(acme.url, key) for key in list(fourth.acknowledged)[-2:])

    acme.home.json("edition", "finalize", acme.name, "--yes")
    assert not [name for name in acme.home.on_engine(acme.name) if "-g2" in name or "-g3" in name]
    acme.assert_whole("basic")


def test_a_release_that_is_broken_leaves_the_old_one_serving(acme: Customer) -> None:
    override = acme.home.path / "stacks" / acme.name / "override.yaml"
    override.write_text('services: {job-service: {command: ["sh", "-c", "echo no such table jobs >&2; exit 7"]}}\n')
    with Clients(acme.url, "broken-") as clients:
        clients.wait_for(2)
        error = acme.home.json("tenant", "upgrade", acme.name, "--release", "1.4.2", code=1)["error"]
        clients.wait_for(len(clients.acknowledged) + 2)
    override.unlink()
    assert_nobody_noticed(clients)
    assert "job-service" in error["message"]
    assert "exit code 7" in error["message"] or "keeps restarting" in error["message"]
    assert "no such table jobs" in error["message"]
    acme.assert_whole("basic", "1.5.0")


def test_delete_leaves_nothing_of_any_generation(acme: Customer) -> None:
    acme.home.json("edition", "switch", acme.name, "dao", "--data", "reuse", "--no-backup")
    acme.assert_whole("dao")
    acme.home.delete(acme.name)
    acme.home.assert_nothing_left()


@pytest.mark.exhaustive
@pytest.mark.timeout(1800)
def test_round_all_five_editions_and_home_again(home: Home) -> None:
    customer = Customer(home, new_tenant("rd"))
    every: list[Clients] = []
    for source, target in pairwise(ROUND):
        customer.assert_whole(source)
        with Clients(customer.url, f"{target}-") as clients:
            clients.wait_for(3)
            home.json("edition", "switch", customer.name, target, "--no-backup", "--keep", "0s")
            clients.wait_for(len(clients.acknowledged) + 3)
        every.append(clients)
        assert_only_writes_waited(clients)
        customer.assert_whole(target)
        customer.assert_has(*every)
    home.delete(customer.name)
    home.assert_nothing_left()
