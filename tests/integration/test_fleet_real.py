"""A fleet of two on the real engine: Ctrl-C on the whole process group in the middle of both upgrades, then the same command again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.homes import LITE, Home, finish, new_tenant, wait_until

pytestmark = [pytest.mark.engine, pytest.mark.slow, pytest.mark.exhaustive]

OLD, NEW = "1.4.1", "1.4.2"
UPGRADE = ("fleet", "upgrade", "--edition", "basic", "--release", NEW, "--wave", "rest", "--parallel", "2", "-o", "json")


@pytest.fixture
def fleet(home: Home) -> tuple[Home, list[str]]:
    names = sorted(new_tenant("fleet") for _ in range(2))
    for name in names:
        home.json("tenant", "create", name, *LITE, "--release", OLD)
    return home, names


def notes(process: subprocess.Popen[str]) -> Iterator[str]:
    assert process.stderr is not None
    return (json.loads(line)["text"] for line in process.stderr if '"note"' in line)


def under_way(process: subprocess.Popen[str], names: list[str]) -> None:
    """Until each tenant's new services are being started."""
    wanted = {f"{name}: upgrading (Start the app layer)" for name in names}
    for text in notes(process):
        wanted.discard(text)
        if not wanted:
            return
    pytest.fail(f"ended before {wanted}")


def rows(document: Any) -> dict[str, Any]:
    return {row["name"]: row for wave in document["fleet"]["waves"] for row in wave["tenants"]}


def generations(home: Home, name: str) -> set[str]:
    labels = (container["Config"]["Labels"] for container in home.containers(name))
    return {f"{one['looma.layer']}-{one['looma.generation']}" for one in labels}


def test_ctrl_c_pauses_both_and_the_same_command_finishes_them(fleet: tuple[Home, list[str]]) -> None:
    home, names = fleet
    process = home.begin(*UPGRADE, LOOMA_LOG_FORMAT="json")
    under_way(process, names)
    os.killpg(process.pid, signal.SIGINT)
    interrupted = finish(process)
    assert interrupted.code == 130, (interrupted.out, interrupted.err)
    first = rows(interrupted.document)
    assert {name: row["status"] for name, row in first.items()} == dict.fromkeys(names, "paused")
    wait_until(lambda: home("health").code == 0, 60, "both serve on while their upgrades are paused")
    waiting = home.json("fleet", "status")["fleets"][0]["unfinished"]
    assert {one["operation"] for one in waiting} == {row["operation"] for row in first.values()}

    again = home(*UPGRADE)
    assert again.code == 0, (again.out, again.err)
    second = rows(again.document)
    assert {name: (row["status"], row["operation"]) for name, row in second.items()} == {
        name: ("done", first[name]["operation"]) for name in names
    }
    assert {tenant["release"] for tenant in home.json("tenant", "list")["tenants"]} == {NEW}
    wait_until(lambda: home("health").code == 0, 60, "both serve on the new release")
    assert [generations(home, name) for name in names] == [{"data-1", "app-2"}] * 2
    assert home.json("fleet", "status")["fleets"][0]["unfinished"] == []
    assert home.json("operation", "list")["operations"] == []
    for name in names:
        home.delete(name)
