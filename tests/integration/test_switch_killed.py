"""A real SIGKILL of looma at step boundaries of real switches and upgrades; then resume or rollback ends each wholly old or wholly new.

One tenant goes through all of them: what it is after one case, it is before the next.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from looma_cli.adapters.database import open_store
from looma_cli.adapters.engine import EngineApi
from looma_cli.model.operation import Operation, Plan
from looma_cli.model.switch import SwitchRequest
from tests.integration.homes import LIMIT_SECONDS, Home, end, finish, new_tenant, wait_until
from tests.integration.records import present, write
from tests.worlds import Machine, lite

pytestmark = [pytest.mark.engine, pytest.mark.slow]
EDITIONS, RELEASES = ("basic", "pro"), ("1.4.2", "1.5.0")
# What is killed, the step at whose begin, and the way out.
SAMPLE = [
    ("switch", "follow-store", "rollback"),
    ("upgrade", "start-layer", "rollback"),
    ("switch", "compare-followers", "resume"),
    ("upgrade", "migrate", "resume"),
    ("switch", "promote-followers", "rollback"),
    ("upgrade", "apply-route", "rollback"),
    ("switch", "apply-route", "resume"),
    ("upgrade", "drain-edge", "resume"),
]


def boundaries() -> list[tuple[str, int, str]]:
    """Every step of both plans, as looma plans them on fakes; resumed and rolled back in turns."""
    with tempfile.TemporaryDirectory() as folder:
        looma = Machine(Path(folder)).looma()
        looma.tenants.create(lite(release=RELEASES[0]))
        switch = looma.switches.switch(SwitchRequest("acme", EDITIONS[1], safety=False), dry_run=True)
        upgrade = looma.upgrades.upgrade("acme", RELEASES[1], dry_run=True)
    plans = {"switch": switch, "upgrade": upgrade}
    assert all(isinstance(plan, Plan) for plan in plans.values())
    ways = ("resume", "rollback")
    return [(verb, at, ways[at % 2]) for verb, plan in plans.items() for at in range(len(plan.steps))]  # type: ignore[union-attr]


CASES: list[tuple[str, Any, str]] = [*SAMPLE, *(boundaries() if os.environ.get("LOOMA_CRASH") == "all" else [])]


@dataclass
class Customer:
    """``keys`` are of all records that were acknowledged."""

    home: Home
    name: str
    url: str
    keys: list[str] = field(default_factory=list)

    def show(self) -> dict[str, Any]:
        return self.home.json("tenant", "show", self.name)

    def write(self, key: str) -> None:
        write(self.url, key)
        self.keys.append(key)

    def other(self, verb: str) -> tuple[str, ...]:
        """The command that makes it what it is not."""
        tenant = self.show()
        if verb == "switch":
            (edition,) = {*EDITIONS} - {tenant["edition"]}
            return ("edition", "switch", self.name, edition, "--no-backup")
        (release,) = {*RELEASES} - {tenant["release"]}
        return ("tenant", "upgrade", self.name, "--release", release)

    def operation(self) -> Operation | None:
        with closing(open_store(self.home.path)) as store, store.read() as state:
            return state.open_operation(self.name)

    def begin(self, verb: str, step: str | int) -> subprocess.Popen[str]:
        """A looma that has just begun such a step, or that of this number; one that has ended where that was too quick."""
        process = self.home.begin(*self.other(verb))
        try:
            wait_for(lambda: process.poll() is not None or begun(self.operation(), step), f"{verb} at {step}")
        except BaseException:
            end(process)
            raise
        return process

    def kill_at(self, verb: str, step: str | int) -> str:
        """Kill looma there; the operation's id, empty where it had ended by then."""
        process = self.begin(verb, step)
        killed = end(process)
        result = finish(process)
        assert killed or result.code == 0, (result.out, result.err)
        wait_until(lambda: not self.home.outside_programs(), 60, "the end of compose, whose looma was killed")
        waiting = self.home.json("operation", "list")["operations"]
        assert [one["status"] for one in waiting] in ([], ["interrupted"])
        return waiting[0]["id"] if waiting else ""

    def recover(self, way: str, id: str) -> str:
        """What worked: past the point of no return a rollback is refused, and a resume ends it."""
        result = self.home("operation", way, id, "-o", "json")
        if way == "rollback" and result.code == 4:
            return self.recover("resume", id)
        assert result.code == 0, (result.out, result.err)
        return way

    def assert_whole(self) -> None:
        tenant = self.show()
        info = httpx.get(f"{self.url}/info", timeout=60).json()
        assert tenant["status"] == "running"
        assert (info["edition"], info["release"]) == (tenant["edition"], tenant["release"]), "what serves is what the record says"
        assert [key for key in self.keys if not present(self.url, key)] == []
        self.write(f"after-{len(self.keys)}")
        assert self.home("health", self.name).code == 0
        assert self.home("state", "audit").code == 0
        assert self.home.json("operation", "list")["operations"] == []
        generations = tenant["generations"]
        mine = (f"-data-g{generations['data']}", f"-app-g{generations['app']}")
        assert [name for name in self.home.on_engine(self.name) if not any(one in name for one in mine)] == []


def begun(operation: Operation | None, step: str | int) -> bool:
    steps = operation.steps if operation else ()
    return any(one.status != "todo" and step in (one.name, index) for index, one in enumerate(steps))


def wait_for(condition: Callable[[], bool], what: str) -> None:
    """Closely: some steps take no longer than a few hundredths of a second."""
    deadline = time.monotonic() + LIMIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {LIMIT_SECONDS} s"
        time.sleep(0.01)


@pytest.fixture(scope="module")
def acme(shared_home: Home) -> Iterator[Customer]:
    name = new_tenant("swk")
    customer = Customer(shared_home, name, shared_home.create(name, "--release", RELEASES[0])["url"])
    customer.write("first")
    yield customer
    shared_home.delete(name)
    shared_home.assert_nothing_left()


@pytest.mark.parametrize(("verb", "step", "way"), CASES)
def test_what_was_killed_ends_wholly_old_or_wholly_new(acme: Customer, verb: str, step: str | int, way: str) -> None:
    before = acme.show()
    id = acme.kill_at(verb, step)
    assert httpx.get(f"{acme.url}/records", params={"count": ""}, timeout=60).status_code == 200, "reads go on"
    worked = acme.recover(way, id) if id else "resume"
    after = acme.show()
    same = (after["edition"], after["release"]) == (before["edition"], before["release"])
    assert same == (worked == "rollback")
    if verb == "switch" and worked == "resume":
        assert acme.home("edition", "finalize", acme.name, "--yes").code == 0
    acme.assert_whole()


def kill_container(api: EngineApi, name: str) -> None:
    """As ``docker kill`` does: it is not started again by itself."""
    api.post(f"/containers/{name}/kill")


def assert_ended(acme: Customer, process: subprocess.Popen[str], before: dict[str, Any]) -> None:
    """By itself, or by a resume of what was paused."""
    result = finish(process)
    waiting = acme.home.json("operation", "list")["operations"]
    done = acme.recover("resume", waiting[0]["id"]) == "resume" if waiting else result.code == 0
    assert (acme.show()["edition"] != before["edition"]) == done, (result.out, result.err)
    if done:
        assert acme.home("edition", "finalize", acme.name, "--yes").code == 0
    acme.assert_whole()


@pytest.mark.exhaustive
def test_a_datastore_that_is_killed_while_it_is_seeded(acme: Customer, clean_engine: EngineApi) -> None:
    before = acme.show()
    process = acme.begin("switch", "follow-store")
    kill_container(clean_engine, f"looma-{acme.name}-data-g{before['generations']['data'] + 1}-mysql-1")
    assert_ended(acme, process, before)


@pytest.mark.exhaustive
@pytest.mark.parametrize("step", ["await-followers", "apply-route", "change-generation"])
def test_an_edge_that_is_killed_while_it_is_frozen_or_routes(acme: Customer, clean_engine: EngineApi, step: str) -> None:
    before = acme.show()
    process = acme.begin("switch", step)
    kill_container(clean_engine, f"looma-edge-{acme.home.installation}")
    assert_ended(acme, process, before)
