"""What goes wrong on and between machines, each until its block is left."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.rig.host import Host
from tests.rig.namespace import PYTHON

DELAY = Path(__file__).with_name("delay.py")
DELAY_PORT = 10022


@contextmanager
def another_host_key(host: Host) -> Iterator[str]:
    """As if the machine had been installed anew, or were another; yields the new fingerprint."""
    folder = host.directory / "ssh"
    own = {name: (folder / name).read_bytes() for name in ("host", "host.pub")}
    host.stop_sshd()
    host.new_host_key()
    host.start_sshd()
    try:
        yield host.fingerprint
    finally:
        host.stop_sshd()
        for name, content in own.items():
            (folder / name).write_bytes(content)
        host.start_sshd()


@contextmanager
def asking_for_passwords(host: Host) -> Iterator[None]:
    host.stop_sshd()
    host.start_sshd(passwords=True)
    try:
        yield
    finally:
        host.stop_sshd()
        host.start_sshd()


@contextmanager
def without_sshd(host: Host) -> Iterator[None]:
    """Connections are refused, and those that were open have ended."""
    host.stop_sshd()
    try:
        yield
    finally:
        host.start_sshd()


@contextmanager
def without_engine(host: Host) -> Iterator[None]:
    """dockerd has been killed; its containers go on."""
    host.kill_engine()
    try:
        yield
    finally:
        host.start_engine()


@contextmanager
def cut_off(host: Host) -> Iterator[None]:
    """Every packet of the host is lost, both ways, and nobody is told."""
    ways = (("PREROUTING", "-i"), ("OUTPUT", "-o"))
    for chain, direction in ways:
        host.namespace.run("iptables", "-w", "-t", "raw", "-I", chain, direction, "eth0", "-j", "DROP")
    try:
        yield
    finally:
        for chain, direction in ways:
            host.namespace.run("iptables", "-w", "-t", "raw", "-D", chain, direction, "eth0", "-j", "DROP")


@contextmanager
def far_away(host: Host, round_trip_seconds: float) -> Iterator[None]:
    """New SSH connections take that long for each round trip."""
    rule = ("PREROUTING", "-i", "eth0", "-p", "tcp", "--dport", "22", "-j", "REDIRECT", "--to-ports", str(DELAY_PORT))
    # in its network and among its processes, but with this machine's files: a host does not see the checkout
    command = ["nsenter", f"--target={host.namespace.pid}", "--net", "--pid", "--", PYTHON, "-IS", str(DELAY)]
    words = [*command, str(round_trip_seconds), str(DELAY_PORT), "22"]
    with subprocess.Popen(words, cwd="/", stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True) as wire:
        assert wire.stdin is not None  # asked for as pipes
        assert wire.stdout is not None
        with wire.stdin:  # it ends with that
            assert wire.stdout.readline() == b"ready\n"
            host.namespace.run("iptables", "-w", "-t", "nat", "-I", *rule)
            try:
                yield
            finally:
                host.namespace.run("iptables", "-w", "-t", "nat", "-D", *rule)


@contextmanager
def wrong_clock(host: Host, seconds: int) -> Iterator[None]:
    """``date`` over SSH says that much later; the engine's own clock, which is the kernel's, cannot be moved for one host."""
    shim = f'#!/bin/sh\nexec /bin/date --date="@$(($(/bin/date +%s) + {seconds}))" "$@"\n'
    script = "cat >/run/rig/bin/date; chmod 755 /run/rig/bin/date"
    host.namespace.run("sh", "-c", script, input=shim)
    try:
        yield
    finally:
        host.namespace.run("rm", "/run/rig/bin/date")


class SmallDisk:
    """The engine's disk, where little is free."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def free_bytes(self) -> int:
        return int(self._host.namespace.shell("df --output=avail -B1 /var/lib/docker | tail -n 1"))

    def fill(self, leaving_bytes: int = 0) -> None:
        self._host.namespace.shell('fallocate -l "$1" /var/lib/docker/filler', str(max(1, self.free_bytes() - leaving_bytes)))

    def empty(self) -> None:
        self._host.namespace.run("rm", "-f", "/var/lib/docker/filler")


@contextmanager
def small_disk(host: Host, size_bytes: int) -> Iterator[SmallDisk]:
    """The engine has started anew with an empty disk of that size (in memory), but for the images, which need no room there. What it
    held before is back afterwards."""
    host.stop_engine()
    host.namespace.shell(_SMALL_DISK, str(size_bytes), str(host.directory / "docker"))
    host.start_engine()
    try:
        yield SmallDisk(host)
    finally:
        host.stop_engine()
        host.namespace.run("umount", "-R", "/var/lib/docker")
        host.start_engine()


_SMALL_DISK = """\
size=$1 disk=/var/lib/docker big=$2
mount -t tmpfs -o "size=$size,mode=0710" tmpfs "$disk"
mkdir "$disk/overlay2"
cp -a "$big/image" "$disk"
rm -rf "$disk/image/overlay2/layerdb/mounts"
cp -a "$big/overlay2/l" "$disk/overlay2"
for record in "$big"/image/overlay2/layerdb/sha256/*/cache-id; do
    layer=$(cat "$record")
    mkdir "$disk/overlay2/$layer"
    mount --bind "$big/overlay2/$layer" "$disk/overlay2/$layer"
done
"""
