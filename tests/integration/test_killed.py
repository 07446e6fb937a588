"""A real SIGKILL at ten moments of a real create and delete, and Ctrl-C: afterwards all is wholly new or wholly old."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.integration.homes import LITE, Home, Result, end, finish, new_tenant, wait_until

pytestmark = [pytest.mark.engine, pytest.mark.slow]

MOMENTS = 5
SEED = 20_250_914
_chance = random.Random(SEED)


def _moments(verb: str) -> list[tuple[str, float, str]]:
    """One moment in each fifth of the whole, so that every part of the work is met; resumed and rolled back in turns."""
    moments = [round((part + _chance.random()) / MOMENTS, 3) for part in range(MOMENTS)]
    return [(verb, moment, ("resume", "rollback")[at % 2]) for at, moment in enumerate(moments)]


# In turns, because a create that was resumed leaves just the tenant that the next delete needs.
CASES = [case for pair in zip(_moments("create"), _moments("delete"), strict=True) for case in pair]


@dataclass
class Customer:
    """One tenant in a home of its own. ``seconds`` is how long each verb takes on this machine, undisturbed."""

    home: Home
    name: str
    seconds: dict[str, float]

    @property
    def arguments(self) -> dict[str, tuple[str, ...]]:
        return {"create": ("tenant", "create", self.name, *LITE), "delete": ("tenant", "delete", self.name, "--no-backup", "--yes")}

    def run(self, verb: str) -> None:
        began = time.monotonic()
        result = self.home(*self.arguments[verb])
        assert result.code == 0, result.err
        self.seconds[verb] = time.monotonic() - began

    def exists(self) -> bool:
        return self.name in self.home.tenants()

    def bring(self, there: bool) -> None:
        """The world as it is to be before the verb under test."""
        if self.exists() != there:
            self.run("create" if there else "delete")

    def kill_at(self, verb: str, moment: float) -> None:
        """SIGKILL looma at this part of the verb's usual length; sooner where it was faster this time and had ended."""
        while True:
            process = self.home.begin(*self.arguments[verb])
            time.sleep(moment * self.seconds[verb])
            killed = end(process)
            finish(process)
            if killed:
                return
            moment *= 0.8
            self.bring(there=verb == "delete")

    def interrupted(self) -> dict[str, Any] | None:
        """The one operation that waits, if looma lived long enough to begin one."""
        operations = self.home.json("operation", "list")["operations"]
        assert [operation["status"] for operation in operations] in ([], ["interrupted"])
        return operations[0] if operations else None

    def recover(self, verb: str, operation: str) -> str:
        """``resume`` or ``rollback``; a rollback past the point of no return is refused and names the way on. Returns what worked."""
        result = self.home("operation", verb, operation, "-o", "json")
        if verb == "rollback" and result.code == 4:
            assert f"looma operation resume {operation}" in result.error["hint"]
            return self.recover("resume", operation)
        assert result.code == 0, (result.out, result.err)
        assert result.document["status"] == ("done" if verb == "resume" else "rolled_back")
        return verb

    # judgements
    def assert_serving(self) -> None:
        health = self.home.json("health", self.name)
        assert health["healthy"], health
        tenant = self.home.json("tenant", "show", self.name)
        assert tenant["status"] == "running"
        key = f"key-{time.monotonic_ns()}"
        assert httpx.post(f"{tenant['url']}/records", json={"key": key, "value": "kept"}, timeout=30).status_code == 201
        assert httpx.get(f"{tenant['url']}/records/{key}", timeout=30).json()["value"] == "kept"

    def assert_settled(self, there: bool) -> None:
        """Wholly the one or wholly the other, and nothing under way."""
        assert self.exists() == there
        if there:
            self.assert_serving()
        else:
            self.home.assert_nothing_left()
        assert self.home.json("operation", "list")["operations"] == []
        assert self.home.json("state", "audit") == {"ok": True, "missing": [], "unknown": []}


@pytest.fixture(scope="module")
def customer(shared_home: Home) -> Iterator[Customer]:
    customer = Customer(shared_home, new_tenant("killed"), {})
    customer.run("create")
    customer.run("delete")
    customer.assert_settled(there=False)
    return customer


@pytest.mark.parametrize(("killed", "moment", "way"), CASES)
def test_killed_at_a_random_moment(customer: Customer, killed: str, moment: float, way: str) -> None:
    before = killed == "delete"
    customer.bring(there=before)
    customer.kill_at(killed, moment)
    wait_until(lambda: not customer.home.outside_programs(), 30, "the end of compose, whose looma was killed")
    operation = customer.interrupted()
    if operation is not None:
        way = customer.recover(way, operation["id"])
        customer.assert_settled(there=before if way == "rollback" else not before)
    else:
        customer.assert_settled(there=customer.exists())  # killed before it began, or after it had recorded its end


def test_ctrl_c_pauses_and_says_how_to_go_on(customer: Customer) -> None:
    """SIGINT to the whole process group, as a terminal sends it."""
    customer.bring(there=False)
    process = customer.home.begin(*customer.arguments["create"])
    wait_until(lambda: customer.home.on_engine(customer.name), 240, "the first container")
    os.killpg(process.pid, signal.SIGINT)
    result: Result = finish(process)
    assert result.code == 130, result.err
    (operation,) = customer.home.json("operation", "list")["operations"]
    assert operation["status"] == "paused"
    assert f"looma operation resume {operation['id']}" in result.err
    assert f"looma operation rollback {operation['id']}" in result.err
    assert "Traceback" not in result.err
    held = customer.home("tenant", "delete", customer.name, "--no-backup", "--yes", "-o", "json")
    assert (held.code, held.error["code"]) == (4, "held")
    assert operation["id"] in held.error["message"]
    customer.recover("resume", operation["id"])
    customer.assert_settled(there=True)
    customer.bring(there=False)
    customer.assert_settled(there=False)
