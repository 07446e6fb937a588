"""All hosts of a rig, and the way to them that OpenSSH's client takes."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from looma_cli.adapters.engine import EngineApi
from tests.rig.claim import Claim, claim, locked
from tests.rig.host import Host
from tests.rig.namespace import COMMAND_SECONDS
from tests.rig.network import Network
from tests.rig.seed import seed

COUNT = 3


class Rig:
    """``environment`` is what a process needs for its ssh to find the rig's key: OpenSSH takes the home directory from the list of
    users, not from HOME, so a folder with an ssh of our own comes first on PATH. Nothing in it knows the hosts' keys; RIG_SSH_CONFIG
    names other settings for it."""

    def __init__(self, folder: Path, hosts: Sequence[Host], gateway: str) -> None:
        self.folder = folder
        self.hosts = tuple(hosts)
        self.gateway = gateway  # where the hosts reach this machine
        self.environment = {"PATH": f"{folder / 'bin'}:{os.environ['PATH']}"}

    def ssh(self, host: Host, *command: str, connect_seconds: int = 10) -> subprocess.CompletedProcess[str]:
        """A command by plain OpenSSH, which trusts the key that the host has now."""
        known = self.folder / "known_hosts"
        known.write_text(f"{host.address} {host.host_key}\n")
        options = ["-o", f"UserKnownHostsFile={known}", "-o", "BatchMode=yes", "-o", f"ConnectTimeout={connect_seconds}"]
        return subprocess.run(
            [self.folder / "bin" / "ssh", *options, f"root@{host.address}", *command],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
        )


@contextmanager
def open_rig(local: EngineApi, images: Sequence[str]) -> Iterator[Rig]:
    """Three hosts whose engines have these images of the ``local`` one. Rigs of several checkouts may run at once. Needs root, the
    programs of Debian's docker.io and openssh-server, iproute2, iptables and util-linux."""
    assert os.geteuid() == 0, "the rig makes namespaces, networks and engines: run its tests as root"
    with ExitStack() as ending:
        with locked():
            claimed = claim()
            ending.callback(_release, claimed)
            hosts = _hosts(claimed, ending)
            seed(hosts, local, images)
        for host in hosts:
            host.start()
        yield Rig(claimed.folder, hosts, str(claimed.subnet[1]))


def _release(claimed: Claim) -> None:
    with locked():
        claimed.release()


def _hosts(claimed: Claim, ending: ExitStack) -> list[Host]:
    network = Network(claimed)
    ending.callback(network.end)
    _write_client(claimed.folder)
    hosts = []
    for index in range(1, COUNT + 1):
        hosts.append(Host(claimed, network, index, claimed.folder / "id.pub"))
        ending.callback(hosts[-1].end)
    return hosts


def _write_client(folder: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "rig", "-f", str(folder / "id")], check=True)
    (folder / "ssh_config").write_text(f"IdentityFile {folder}/id\nIdentitiesOnly yes\nUser root\nUserKnownHostsFile /dev/null\n")
    (folder / "bin").mkdir()
    program = folder / "bin" / "ssh"
    program.write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -F "${{RIG_SSH_CONFIG:-{folder}/ssh_config}}" "$@"\n')
    program.chmod(0o755)
