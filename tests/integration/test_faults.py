"""What goes wrong on real machines: a clear error with its exit code, nothing changed, nothing lost."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from ipaddress import ip_network
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest

from looma_cli.adapters.engine import EngineApi
from tests.engine_objects import TEST_LABEL, owner_mark
from tests.integration.homes import LITE, Home, finish_all, is_free, new_tenant, wait_until

pytestmark = [pytest.mark.engine, pytest.mark.slow]

ALLOCATED_ONLY = (*LITE, "--no-start")
CANONICAL = {"user-service": 8001, "redis": 6380}


@contextmanager
def taken(port: int) -> Iterator[None]:
    """A foreign process listens there: this one, or whoever had the port already."""
    with socket.socket() as foreign:
        foreign.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections of a moment ago keep it for a minute otherwise
        try:
            foreign.bind(("127.0.0.1", port))
            foreign.listen()
        except OSError:
            assert not is_free(port), f"nobody listens on {port}, and yet it cannot be taken"
        yield


def ports_of(tenant: dict[str, Any]) -> dict[str, int]:
    return {port["component"]: port["host_port"] for port in tenant["ports"]}


def block_of(home: Home) -> range:
    low, high = home.environment["LOOMA_PORT_RANGE"].split("-")
    return range(int(low), int(high) + 1)


class TestPorts:
    def test_a_listening_foreign_process_moves_the_stack_into_a_block(self, home: Home) -> None:
        name = new_tenant()
        with taken(CANONICAL["user-service"]):
            created = home.json("tenant", "create", name, *ALLOCATED_ONLY)
            refused = home.json("tenant", "create", new_tenant(), *ALLOCATED_ONLY, "--ports", "canonical", code=4)
        assert set(ports_of(created).values()) <= set(block_of(home))
        assert "8001" in refused["error"]["message"]
        assert home.tenants() == [name]

    def test_a_stopped_foreign_containers_port_is_taken_too(self, home: Home, clean_engine: EngineApi) -> None:
        """It listens again as soon as it is started."""
        port = CANONICAL["redis"]
        body = {
            "Image": "looma/base:bookworm",
            "Labels": {TEST_LABEL: owner_mark()},
            "ExposedPorts": {"6379/tcp": {}},
            "HostConfig": {"PortBindings": {"6379/tcp": [{"HostIp": "127.0.0.1", "HostPort": str(port)}]}},
        }
        id = clean_engine.post("/containers/create", {"name": f"looma-test-{new_tenant()}"}, body)["Id"]
        try:
            plan = home.json("tenant", "create", new_tenant(), *LITE, "--ports", "canonical", "--dry-run", code=4)
        finally:
            clean_engine.request("DELETE", f"/containers/{id}")
        assert str(port) in plan["error"]["message"]
        home.assert_nothing_left()

    def test_a_port_taken_after_the_plan_is_put_in_quarantine_and_the_stack_moves(self, home: Home) -> None:
        name = new_tenant()
        before = ports_of(home.json("tenant", "create", name, *ALLOCATED_ONLY, "--ports", "block"))
        with taken(before["redis"]):
            started = home.json("tenant", "start", name)
            after = ports_of(started)
            assert started["status"] == "running"
            assert not set(after.values()) & {before["redis"]}
            assert home.json("health", name)["healthy"]
        quarantined = [p for p in home.json("port", "list")["ports"] if p["state"] == "quarantined"]
        assert [(p["host_port"], p["tenant"]) for p in quarantined] == [(before["redis"], None)]
        assert home.json("state", "audit")["ok"]
        home.delete(name)
        assert home.on_engine() == []
        assert home.tenants() == []


class TestEngine:
    def test_without_an_engine_nothing_is_changed(self, home: Home, tmp_path: Path) -> None:
        nowhere = f"unix://{tmp_path}/nobody.sock"
        refused = home.json("tenant", "create", new_tenant(), *LITE, code=7, DOCKER_HOST=nowhere)
        assert refused["error"]["code"] == "engine_unavailable"
        assert "nobody.sock" in refused["error"]["message"] + refused["error"]["hint"]
        home.assert_nothing_left()
        assert home.json("operation", "list", "--all")["operations"] == []

    def test_without_compose_nothing_is_changed(self, home: Home, tmp_path: Path) -> None:
        """A plugin that is no compose v2 stands in the user's own plugin folder, which comes first."""
        plugin = tmp_path / "docker" / "cli-plugins" / "docker-compose"
        plugin.parent.mkdir(parents=True)
        plugin.write_text("#!/bin/sh\necho 1.29.2\n")
        plugin.chmod(0o755)
        refused = home.json("tenant", "create", new_tenant(), *LITE, code=7, DOCKER_CONFIG=str(tmp_path / "docker"))
        assert refused["error"]["code"] == "compose_unavailable"
        assert "docker compose v2" in refused["error"]["message"]
        home.assert_nothing_left()

    def test_an_image_that_can_neither_be_found_nor_pulled(self, home: Home) -> None:
        registry = {"LOOMA_IMAGES": "registry", "LOOMA_REGISTRY": "127.0.0.1:1/nobody"}
        refused = home.json("tenant", "create", new_tenant(), *LITE, code=1, **registry)
        assert "image" in refused["error"]["message"]
        assert refused["error"]["hint"]
        home.assert_nothing_left()


class TestAtOnce:
    def test_two_creates_of_one_name(self, home: Home) -> None:
        """One wins; the other says who holds the name, or that it exists if it came that late."""
        name = new_tenant()
        results = finish_all([home.begin("tenant", "create", name, *LITE, "-o", "json") for _ in range(2)])
        winner, loser = sorted(results, key=lambda result: result.code)
        assert (winner.code, loser.code) == (0, 4), (winner, loser)
        assert winner.document["status"] == "running"
        (operation,) = home.json("operation", "list", "--all")["operations"]
        assert loser.error["code"] == "held"
        assert operation["id"] in loser.error["message"]
        assert "process" in loser.error["message"]
        assert home.json("health", name)["healthy"]
        home.delete(name)
        home.assert_nothing_left()

    def test_eight_processes_allocating_four_tenants_each(self, home: Home, tmp_path: Path) -> None:
        files = []
        for process in range(8):
            files.append(tmp_path / f"{process}.yaml")
            rows = [f"- {{name: batch-{process}-{at}, edition: basic, profile: lite}}\n" for at in range(4)]
            files[-1].write_text("".join(rows))
        results = finish_all([home.begin("tenant", "create", "--from", str(file), "--no-start", "-o", "json") for file in files])
        assert [result.code for result in results] == [0] * 8, [result.err[-500:] for result in results]
        assert len(home.tenants()) == 32
        ports = [(p["protocol"], p["host_port"]) for p in home.json("port", "list")["ports"]]
        assert len(ports) == len(set(ports)) == 32 * (14 + 1)
        subnets = sorted(ip_network(n["cidr"]) for n in home.json("network", "list")["networks"])
        assert len(subnets) == 64
        assert not any(one.overlaps(following) for one, following in pairwise(subnets))
        assert home.json("operation", "list")["operations"] == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(file: Path) -> None:
    """Grow a file until nothing more fits."""
    with suppress(OSError), file.open("wb", buffering=0) as filler:
        while filler.write(bytes(4096)):
            pass


class TestHome:
    def test_a_full_disk_is_said_and_loses_nothing(self, home: Home, small_disk: Path) -> None:
        elsewhere = small_disk / "home"
        home.json("tenant", "create", "first", *ALLOCATED_ONLY, LOOMA_HOME=str(elsewhere))
        fill(small_disk / "filler")
        refused = home.json("tenant", "create", "second", *ALLOCATED_ONLY, code=1, LOOMA_HOME=str(elsewhere))
        assert "disk is full" in refused["error"]["message"] or "No space" in refused["error"]["message"], refused
        assert refused["error"]["hint"]
        (small_disk / "filler").unlink()
        assert [t["name"] for t in home.json("tenant", "list", LOOMA_HOME=str(elsewhere))["tenants"]] == ["first"]
        again = home.json("tenant", "create", "second", *ALLOCATED_ONLY, LOOMA_HOME=str(elsewhere))
        assert again["status"] == "created"

    def test_a_home_that_cannot_be_written(self, home: Home, small_disk: Path) -> None:
        subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
        refused = home.json("tenant", "create", new_tenant(), *ALLOCATED_ONLY, code=1, LOOMA_HOME=str(small_disk / "home"))
        assert refused["error"]["code"] == "state_unusable"
        assert "LOOMA_HOME" in refused["error"]["hint"]

    def test_a_corrupt_state_is_refused_and_left_as_it_is(self, home: Home) -> None:
        home.json("tenant", "create", new_tenant(), *ALLOCATED_ONLY)
        database = home.path / "looma.db"
        for rest in home.path.glob("looma.db-*"):
            rest.unlink()
        whole = database.read_bytes()
        broken = whole[:4096] + bytes(reversed(whole[4096:]))
        database.write_bytes(broken)
        refused = home.json("tenant", "create", new_tenant(), *ALLOCATED_ONLY, code=1)
        assert refused["error"]["code"] == "state_unusable"
        assert str(database) in refused["error"]["message"]
        assert refused["error"]["hint"]
        assert database.read_bytes() == broken


@pytest.fixture(scope="module")
def running(shared_home: Home) -> dict[str, Any]:
    """One stack for all that disturbs it and lets it recover."""
    return shared_home.create(new_tenant("faulty"))


class TestRunning:
    @pytest.mark.parametrize("text", ["services: [", "services: {user-service: {image: 7}}", "services: {user-service: {no-such-key: 1}}"])
    def test_a_broken_override_changes_nothing(self, shared_home: Home, running: dict[str, Any], text: str) -> None:
        before = [c["Id"] for c in shared_home.containers()]
        operations = shared_home.json("operation", "list", "--all")
        override = shared_home.path / "stacks" / running["name"] / "override.yaml"
        override.write_text(text)
        try:
            refused = shared_home.json("tenant", "update", running["name"], "--set", "A=1", code=2)
        finally:
            override.unlink()
        assert "override.yaml" in refused["error"]["message"]
        assert shared_home.json("tenant", "show", running["name"])["settings"] == {}
        assert [c["Id"] for c in shared_home.containers()] == before
        assert shared_home.json("operation", "list", "--all") == operations
        assert shared_home("tenant", "render", running["name"], "--diff").out == ""

    def test_a_killed_component_is_unhealthy(self, shared_home: Home, running: dict[str, Any], clean_engine: EngineApi) -> None:
        (victim,) = [c for c in shared_home.containers() if c["Config"]["Labels"]["looma.component"] == "job-service"]
        clean_engine.request("POST", f"/containers/{victim['Id']}/kill")
        report = shared_home.json("health", running["name"], code=5)
        ill = [c["component"] for tenant in report["tenants"] for c in tenant["components"] if not c["healthy"]]
        assert (report["healthy"], ill) == (False, ["job-service"])
        assert shared_home.json("status")["summary"]["unhealthy"] == 1
        clean_engine.request("POST", f"/containers/{victim['Id']}/start")
        wait_until(lambda: shared_home("health", running["name"]).code == 0, 240, "job-service is well again")

    def test_a_killed_edge_comes_back_and_routes(self, shared_home: Home, running: dict[str, Any]) -> None:
        """Its process dies, as it would by a defect; the engine brings it back with all its routes."""
        (edge,) = [c for c in shared_home.containers() if c["Config"]["Labels"]["looma.layer"] == "edge"]
        os.kill(edge["State"]["Pid"], 9)
        wait_until(lambda: _answers(running["url"]), 120, "the edge is back")
        assert httpx.get(f"{running['url']}/info", timeout=30).json()["tenant"] == running["name"]
        (now,) = [c for c in shared_home.containers() if c["Config"]["Labels"]["looma.layer"] == "edge"]
        assert now["RestartCount"] == edge["RestartCount"] + 1
        assert shared_home.json("health", running["name"])["healthy"]

    def test_two_homes_share_an_engine(self, shared_home: Home, running: dict[str, Any], new_home: Callable[[str], Home]) -> None:
        other, name = new_home("other"), new_tenant("other")
        mine = shared_home.on_engine()
        refused = other.json("tenant", "create", running["name"], *LITE, "--ports", "block", code=4)
        assert running["name"] in refused["error"]["message"]
        other.assert_nothing_left()
        created = other.create(name)
        assert not set(ports_of(created).values()) & set(ports_of(running).values())
        for url, tenant in ((created["url"], name), (running["url"], running["name"])):
            assert httpx.get(f"{url}/info", timeout=30).json()["tenant"] == tenant
        assert other.json("state", "audit") == shared_home.json("state", "audit") == {"ok": True, "missing": [], "unknown": []}
        assert other.json("tenant", "show", running["name"], code=3)
        other.delete(name)
        other.assert_nothing_left()
        assert shared_home.on_engine() == mine
        assert shared_home.json("health", running["name"])["healthy"]


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/info", timeout=30).status_code == 200
    except httpx.TransportError:
        return False
