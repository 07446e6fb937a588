"""Hosts that join the pool, are looked at, and leave it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.hosts.operators import Operator
from tests.rig import faults

pytestmark = [pytest.mark.engine, pytest.mark.slow]


def test_a_host_is_added_with_its_key_looked_at_and_removed(newcomer: Operator) -> None:
    host = newcomer.rig.hosts[0]
    refused = newcomer.looma.json("host", "add", host.name, host.url, code=2)["error"]
    assert (refused["code"], host.fingerprint in refused["message"]) == ("confirmation_required", True)
    assert [one["name"] for one in newcomer.looma.json("host", "list")["hosts"]] == ["local"]
    added = newcomer.looma.json("host", "add", host.name, host.url, "--host-key", host.fingerprint, "--labels", "zone=a")
    assert (added["status"], added["address"], added["labels"]) == ("ready", host.address, {"zone": "a"})
    assert added["host_key"] == host.fingerprint
    assert added["engine"]["id"] == host.engine.get("/info")["ID"]
    assert added["capacity"]["memory_bytes"] > 0
    assert {check["name"]: check["status"] for check in added["checks"]} == dict.fromkeys(
        ("connection", "engine", "compose", "cpus", "memory", "disk", "ports", "networks", "clock"), "ok"
    )
    twice = newcomer.looma.json("host", "add", "again", f"ssh://root@{host.address}:22", "--address", "again", "--yes", code=4)["error"]
    assert host.name in twice["message"]
    newcomer.looma.json("host", "remove", host.name, "--yes")
    assert [one["name"] for one in newcomer.looma.json("host", "list")["hosts"]] == ["local"]
    assert newcomer.anywhere() == []


def test_a_clock_an_hour_ahead_is_told(newcomer: Operator) -> None:
    host = newcomer.rig.hosts[1]
    with faults.wrong_clock(host, 3600):
        newcomer.add(host)
        clock = newcomer.findings(host)["clock"]
        assert (clock["status"], clock["detail"]) == ("warning", "60 min ahead of this machine's")
    assert newcomer.findings(host)["clock"]["status"] == "ok"


def test_a_host_behind_another_one_is_reached_by_the_users_own_settings(newcomer: Operator, tmp_path: Path) -> None:
    """Of ~/.ssh/config: a name that is no machine's, and a jump host whose key this user knows."""
    jump, behind, _ = newcomer.rig.hosts
    known = tmp_path / "known_hosts"
    known.write_text(f"{jump.address} {jump.host_key}\n")
    usual = (newcomer.rig.folder / "ssh_config").read_text()
    (tmp_path / "ssh_config").write_text(
        f"Host behind\n  HostName {behind.address}\n  ProxyJump root@{jump.address}\n"
        f"Host {jump.address}\n  UserKnownHostsFile {known}\nHost *\n{usual}"
    )
    newcomer.looma.environment["RIG_SSH_CONFIG"] = str(tmp_path / "ssh_config")
    added = newcomer.looma.json("host", "add", "h2", "ssh://behind", "--address", behind.address, "--host-key", behind.fingerprint)
    assert added["engine"]["id"] == behind.engine.get("/info")["ID"]
    with faults.without_sshd(jump):
        assert newcomer.findings(behind, code=5)["connection"]["status"] == "failed"
