"""The rig itself: what the other tests of this folder stand on, by plain OpenSSH and the docker command."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from looma_cli.adapters.engine import EngineApi
from looma_cli.errors import LoomaError
from tests.engine_objects import is_stale
from tests.integration.homes import wait_until
from tests.rig import Host, Rig, faults
from tests.rig.claim import CGROUPS, Claim, locked, release_abandoned
from tests.rig.host import PROJECT
from tests.rig.images import needed_images

pytestmark = [pytest.mark.engine, pytest.mark.slow]
MEBIBYTE = 1 << 20


def sleeper(host: Host, name: str) -> str:
    body = {"Image": "looma/base:bookworm", "Cmd": ["sleep", "600"], "StopTimeout": 1}
    id = host.engine.post("/containers/create", {"name": name}, body)["Id"]
    host.engine.post(f"/containers/{id}/start")
    return id


def remove(host: Host, id: str) -> None:
    host.engine.request("DELETE", f"/containers/{id}", {"force": "1"})


def test_each_host_is_a_machine_of_its_own(rig: Rig, engine_required: EngineApi) -> None:
    engines = {rig.ssh(host, "docker", "info", "--format", "'{{.ID}}'").stdout.strip() for host in rig.hosts}
    assert len(engines) == 3
    assert "" not in engines
    assert engine_required.get("/info")["ID"] not in engines
    assert len({rig.ssh(host, "hostname").stdout for host in rig.hosts}) == 3
    for host in rig.hosts:
        assert rig.ssh(host, "ls", str(PROJECT)).stdout == ""  # nothing of the operator's machine
        assert {tag for image in host.engine.get("/images/json") for tag in image["RepoTags"]} >= set(needed_images())


def test_a_container_runs_there_and_only_there(rig: Rig, engine_required: EngineApi) -> None:
    host, other, _ = rig.hosts
    id = sleeper(host, "rig-one")
    try:
        assert rig.ssh(host, "docker", "exec", "rig-one", "cat", "/etc/hostname").stdout.strip() == id[:12]
        assert [c["Id"] for c in other.engine.get("/containers/json", {"all": "1"})] == []
        assert id not in [c["Id"] for c in engine_required.get("/containers/json", {"all": "1"})]
    finally:
        remove(host, id)


def test_faults_of_ssh_come_and_go(rig: Rig) -> None:
    host = rig.hosts[0]
    own = host.fingerprint
    with faults.another_host_key(host) as fingerprint:
        assert fingerprint != own
        assert rig.ssh(host, "true").returncode == 0
    assert host.fingerprint == own
    with faults.asking_for_passwords(host):
        assert "Permission denied" in rig.ssh(host, "true").stderr
    with faults.without_sshd(host):
        assert "refused" in rig.ssh(host, "true").stderr
    with faults.cut_off(host):
        assert "timed out" in rig.ssh(host, "true", connect_seconds=2).stderr
    with faults.wrong_clock(host, 3600):
        assert int(rig.ssh(host, "date", "+%s").stdout) - time.time() == pytest.approx(3600, abs=30)
    assert int(rig.ssh(host, "date", "+%s").stdout) - time.time() == pytest.approx(0, abs=30)


def test_a_far_host_takes_its_round_trips(rig: Rig) -> None:
    """TCP's handshake, both greetings, the exchange of keys, the log-in and the command: at least eight."""
    host = rig.hosts[1]
    with faults.far_away(host, 0.2):
        begun = time.monotonic()
        assert rig.ssh(host, "true").returncode == 0
        assert time.monotonic() - begun > 8 * 0.2


def test_containers_outlive_a_killed_engine_until_it_is_back(rig: Rig) -> None:
    host = rig.hosts[1]
    id = sleeper(host, "rig-killed")
    pid = host.engine.get(f"/containers/{id}/json")["State"]["Pid"]
    with faults.without_engine(host):
        assert rig.ssh(host, "docker", "version").returncode == 1
        assert "sleep" in rig.ssh(host, "cat", f"/proc/{pid}/cmdline").stdout
    assert host.engine.get(f"/containers/{id}/json")["Name"] == "/rig-killed"
    remove(host, id)


def test_a_full_disk_holds_no_more_and_is_gone_afterwards(rig: Rig) -> None:
    host = rig.hosts[2]
    images = {image["Id"] for image in host.engine.get("/images/json")}
    with faults.small_disk(host, 64 * MEBIBYTE) as disk:
        assert {image["Id"] for image in host.engine.get("/images/json")} == images
        remove(host, sleeper(host, "rig-full"))
        disk.fill()
        with pytest.raises(LoomaError, match="no space left"):
            sleeper(host, "rig-full-2")
        disk.empty()
        remove(host, sleeper(host, "rig-full-3"))
    assert {image["Id"] for image in host.engine.get("/images/json")} == images
    assert host.engine.get("/containers/json", {"all": "1"}) == []


def test_a_killed_rig_dies_by_itself_and_the_next_one_clears_it_away() -> None:
    """Beside the rig of this run, as another checkout's would stand."""
    command = [sys.executable, "-m", "tests.rig"]
    with subprocess.Popen(command, cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None  # asked for as a pipe
        assert process.stdout.readline() == "{\n", "it starts"
        folder = Path(process.stdout.readline().split('"')[3]).parent
        process.send_signal(signal.SIGKILL)
    claimed = Claim(int(folder.name.rpartition("-")[2]))
    processes = (folder / "processes").read_text().split()
    assert len(processes) == 4
    wait_until(lambda: all(is_stale(mark) for mark in processes), 30, "the end of a killed rig's processes")
    with locked():
        release_abandoned()
    assert not folder.exists()
    assert [str(path) for path in CGROUPS.glob(f"**/{claimed.cgroup}")] == []
    assert not os.path.exists(f"/sys/class/net/{claimed.link}")
