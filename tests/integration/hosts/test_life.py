"""The whole life of one tenant on a host over SSH, and its coming back on another, by the commands that a person types."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.integration.homes import new_tenant
from tests.integration.hosts.operators import Operator
from tests.integration.records import Clients, counts, missing, present, write
from tests.rig import Host

pytestmark = [pytest.mark.engine, pytest.mark.slow]
STORES = {"mysql", "redis", "postgresql"}


class Customer:
    def __init__(self, operator: Operator, host: Host) -> None:
        self.operator, self.host = operator, host
        self.looma = operator.looma
        self.name = new_tenant("ho")
        self.created = self.looma.create(self.name, "--host", host.name, "--release", "1.4.2")
        self.url: str = self.created["url"]

    def run(self, *words: str) -> Any:
        """``looma WORDS TENANT``, with what follows the tenant after a ``/``."""
        at = words.index("/") if "/" in words else len(words)
        return self.looma.json(*words[:at], self.name, *words[at + 1 :])

    def assert_whole(self, edition: str) -> None:
        """Serving that edition, on its host and nowhere else."""
        info = httpx.get(f"{self.url}/info", timeout=30).json()
        assert (info["tenant"], info["edition"]) == (self.name, edition)
        assert self.run("health")["healthy"]
        assert self.looma.json("state", "audit")["ok"]
        others = [host for host in self.operator.rig.hosts if host is not self.host]
        assert [self.operator.on(host, self.name) for host in others] == [[], []]
        assert self.looma.on_engine() == []


@pytest.fixture(scope="module")
def acme(operator: Operator) -> Customer:
    return Customer(operator, operator.rig.hosts[0])


def test_it_serves_at_an_address_of_its_host(acme: Customer) -> None:
    assert (acme.created["host"], acme.created["status"]) == (acme.host.name, "running")
    assert acme.url == f"http://{acme.host.address}:{acme.created['public_port']}"
    assert {port["address"] for port in acme.created["ports"]} == {"127.0.0.1"}
    write(acme.url, "first")
    assert present(acme.url, "first")
    acme.assert_whole("basic")
    status = acme.looma.json("status", "--live")
    assert [(tenant["name"], tenant["host"], tenant["health"]) for tenant in status["tenants"]] == [(acme.name, acme.host.name, "healthy")]


def test_its_services_are_looked_into_from_here(acme: Customer) -> None:
    lines = acme.looma("tenant", "logs", acme.name, "--tail", "3")
    assert lines.code == 0
    assert {line.split(" | ")[0].strip() for line in lines.out.splitlines()} >= {"basic-server", "mysql", "redis"}
    inside = acme.looma("tenant", "exec", acme.name, "user-service", "--", "sh", "-c", "echo $LOOMA_TENANT; exit 42")
    assert (inside.code, inside.out) == (42, f"{acme.name}\n")


def test_it_stops_and_starts_with_its_data(acme: Customer) -> None:
    write(acme.url, "stopped")
    assert acme.run("tenant", "stop")["status"] == "stopped"
    assert {c["State"]["Running"] for c in acme.operator.containers(acme.host, acme.name)} == {False}
    assert acme.run("tenant", "start")["status"] == "running"
    assert present(acme.url, "stopped")


def test_an_upgrade_and_a_switch_under_a_reader_and_a_writer(acme: Customer) -> None:
    with Clients(acme.url, "upgraded-") as first:
        first.wait_for(3)
        acme.run("tenant", "upgrade", "/", "--release", "1.5.0")
    assert (set(first.reads), set(first.writes)) == ({200}, {201})
    with Clients(acme.url, "switched-") as second:
        second.wait_for(3)
        acme.looma.json("edition", "switch", acme.name, "pro", "--no-backup", "--keep", "0s")
    assert set(second.reads) == {200}
    assert set(second.writes) <= {201, 503}
    assert missing(acme.url, [*first.acknowledged, *second.acknowledged]) == []
    acme.assert_whole("pro")


def test_a_backup_is_proven_and_comes_back_on_another_host(acme: Customer) -> None:
    other = acme.operator.rig.hosts[1]
    before = counts(acme.url)
    backup = acme.run("backup", "create")
    assert {store["name"] for store in backup["datastores"]} == STORES
    assert acme.looma.json("backup", "verify", backup["id"])["verified_at"]
    assert [name for name in acme.operator.on(acme.host) if "scratch" in name] == []
    twin = new_tenant("tw")
    acme.looma.json("backup", "restore", acme.name, backup["id"], "--as", twin, "--host", other.name, "--yes")
    shown = acme.looma.json("tenant", "show", twin)
    assert (shown["host"], shown["url"]) == (other.name, f"http://{other.address}:{shown['public_port']}")
    assert counts(shown["url"]) == before
    assert acme.looma.json("health", "--all")["healthy"]
    acme.looma.delete(twin)
    assert acme.operator.on(other) == []
    assert counts(acme.url) == before


def test_delete_leaves_nothing_anywhere(acme: Customer) -> None:
    """Last of this file: the tenant is gone afterwards."""
    refused = acme.looma.json("host", "remove", acme.host.name, "--yes", code=4)
    assert acme.name in refused["error"]["message"] + refused["error"]["hint"]
    acme.run("tenant", "delete", "/", "--no-backup", "--yes")
    assert acme.operator.anywhere() == []
    acme.looma.assert_nothing_left()
    acme.looma.json("host", "remove", acme.host.name, "--yes")
    assert acme.host.name not in [host["name"] for host in acme.looma.json("host", "list")["hosts"]]
