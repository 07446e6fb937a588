"""A real SIGKILL in the middle of a real backup and restore; afterwards resume or rollback ends it wholly new or wholly old."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from looma_cli.adapters.database import open_store
from tests.integration.homes import LIMIT_SECONDS, Home, end, finish, new_tenant, wait_until
from tests.integration.records import counts, write

pytestmark = [pytest.mark.engine, pytest.mark.slow]
_chance = random.Random(20_261_122)
# The step in which looma is killed, soon after its begin, and the way out.
SAMPLE = [
    ("create", "backup-stores", "rollback"),
    ("restore", "restore-store", "resume"),
    ("restore", "stop-layer", "rollback"),
]
REST = [
    ("create", "backup-stores", "resume"),
    ("create", "record-backup", "rollback"),
    ("restore", "backup-stores", "rollback"),
    ("restore", "compare-store", "rollback"),
    ("restore", "await-healthy", "rollback"),
    ("restore", "apply-route", "resume"),
]
CASES = [*SAMPLE, *REST] if os.environ.get("LOOMA_CRASH") == "all" else SAMPLE


@dataclass
class Customer:
    home: Home
    name: str
    url: str
    backup: str

    def arguments(self, verb: str) -> tuple[str, ...]:
        more = (self.backup, "--keep", "0s", "--yes") if verb == "restore" else ()
        return ("backup", verb, self.name, *more)

    def sets(self) -> list[str]:
        return [one["id"] for one in self.home.json("backup", "list", self.name)["backups"]]

    def in_repository(self) -> list[str]:
        return [one["id"] for one in self.home.json("backup", "list", "--from", str(self.home.path / "backups" / self.name))["backups"]]

    def generation(self) -> int:
        return self.home.json("tenant", "show", self.name)["generations"]["data"]

    def kill_in(self, verb: str, step: str) -> dict[str, Any]:
        """The operation that a looma left which was killed in the first such step of it."""
        process = self.home.begin(*self.arguments(verb))
        try:
            wait_until(lambda: self._is_in(step), LIMIT_SECONDS, step)
            time.sleep(_chance.random() / 2)
        finally:
            end(process)
            finish(process)
        (operation,) = self.home.json("operation", "list")["operations"]
        assert operation["status"] == "interrupted"
        return operation

    def _is_in(self, step: str) -> bool:
        with closing(open_store(self.home.path)) as store, store.read() as state:
            operation = state.open_operation(self.name)
        return operation is not None and any(one.name == step and one.status == "started" for one in operation.steps)

    def recover(self, way: str, id: str) -> str:
        """What worked: past the point of no return a rollback is refused, and a resume ends it."""
        result = self.home("operation", way, id, "-o", "json")
        if way == "rollback" and result.code == 4:
            return self.recover("resume", id)
        assert result.code == 0, (result.out, result.err)
        return way


@pytest.fixture(scope="module")
def acme(shared_home: Home) -> Iterator[Customer]:
    name = new_tenant("bk")
    url = shared_home.create(name)["url"]
    write(url, "kept-1", "kept-2")
    customer = Customer(shared_home, name, url, "")
    customer.backup = shared_home.json(*customer.arguments("create"))["id"]
    write(url, "newer-1")
    yield customer
    shared_home.delete(name)
    shared_home.assert_nothing_left()


@pytest.mark.parametrize(("verb", "step", "way"), CASES)
def test_what_was_killed_ends_wholly_old_or_wholly_new(acme: Customer, verb: str, step: str, way: str) -> None:
    before, generation, sets = counts(acme.url), acme.generation(), acme.sets()
    operation = acme.kill_in(verb, step)
    assert httpx.get(f"{acme.url}/records", params={"count": ""}, timeout=30).status_code == 200, "reads go on"
    worked = acme.recover(way, operation["id"])
    assert sorted(acme.in_repository()) == sorted(acme.sets()), "no half set, and none that the state does not know"
    if verb == "create":
        assert counts(acme.url) == before
        assert len(acme.sets()) == len(sets) + (worked == "resume")
    elif worked == "rollback":
        assert (counts(acme.url), acme.generation()) == (before, generation)
    else:
        assert counts(acme.url) == dict.fromkeys(before, 2)
        assert acme.generation() > generation
    write(acme.url, f"written-after-{step}-{way}")
    assert acme.home("health", acme.name).code == 0
    assert acme.home("state", "audit").code == 0
    assert acme.home.outside_programs() == []
