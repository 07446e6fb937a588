"""Hosts for looma to reach over SSH, all on this machine: network, mount, UTS, IPC and process namespaces, each with its own sshd,
containerd and dockerd. ``python -m tests.rig`` starts one by hand.

Whatever dies with a process is left to it: the first process of each host ends when the tests' process does, even by SIGKILL, and the
kernel then ends all other processes of that host, its mounts and its network. Only a folder below /var/tmp, a link in this machine's
network and some empty cgroups remain, and the next rig removes those whose owner is gone.
"""

from tests.rig.host import Host
from tests.rig.rig import Rig, open_rig

__all__ = ["Host", "Rig", "open_rig"]
