"""One Ethernet segment that all hosts of a rig and this machine share. Its switch stands in namespaces of its own, so that neither a
bridge nor a packet filter's rule is needed in this machine's network: one link, which ends with the switch."""

from __future__ import annotations

import subprocess

from tests.rig.claim import Claim
from tests.rig.namespace import Namespace


class Network:
    def __init__(self, claim: Claim) -> None:
        self.subnet = claim.subnet
        self._switch = Namespace()
        claim.note_process(self._switch.pid)
        self._switch.shell("ip link add switch type bridge; ip link set switch up")
        _ip("link", "add", claim.link, "type", "veth", "peer", "name", "outside", "netns", str(self._switch.pid))
        _ip("address", "add", f"{self.subnet[1]}/{self.subnet.prefixlen}", "dev", claim.link)
        _ip("link", "set", claim.link, "up")
        self._plug("outside")

    def connect(self, namespace: Namespace, index: int) -> str:
        """Gives a host its address; returns it. There is no default route: a look-up of a registry fails at once."""
        address, port = str(self.subnet[10 + index]), f"port{index}"
        self._switch.run("ip", "link", "add", port, "type", "veth", "peer", "name", "eth0")
        self._switch.run("ip", "link", "set", "eth0", "netns", str(namespace.pid), kinds=("--net",))
        namespace.shell('ip address add "$1" dev eth0; ip link set eth0 up; ip link set lo up', f"{address}/{self.subnet.prefixlen}")
        self._plug(port)
        return address

    def end(self) -> None:
        self._switch.end()

    def _plug(self, port: str) -> None:
        self._switch.run("ip", "link", "set", port, "master", "switch", "up")


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)
