"""One host of the rig: a machine with sshd and a container engine, of which looma shall know no more than its URL."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from looma_cli.adapters.engine import EngineApi
from looma_cli.errors import EngineUnavailable
from tests.rig.claim import Claim
from tests.rig.namespace import Namespace
from tests.rig.network import Network

PROJECT = Path(__file__).resolve().parents[2]
SETUP = Path(__file__).with_name("host.sh")
START_SECONDS = 30
ANSWER_SECONDS = 240  # a loaded machine takes long to kill a container
PROGRAMS = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Host:
    """``name`` h1, h2, ...; ``url`` is what ``looma host add`` takes; ``engine`` asks its engine past SSH, whatever has become of that."""

    def __init__(self, claim: Claim, network: Network, index: int, authorized: Path) -> None:
        self.name = f"h{index}"
        self.directory = claim.folder / self.name
        for name in ("docker", "containerd", "ssh"):
            (self.directory / name).mkdir(parents=True)
        self.cgroup = f"/{claim.cgroup}/{self.name}"
        self._authorized = authorized
        self.namespace = Namespace()
        claim.note_process(self.namespace.pid)
        self.namespace.shell(SETUP.read_text(), str(self.directory), str(PROJECT), f"rig{claim.number}-{self.name}")
        self.address = network.connect(self.namespace, index)
        self.engine = EngineApi(f"unix://{self.namespace.root}/run/docker.sock", {}, timeout_seconds=ANSWER_SECONDS)
        self.new_host_key()

    @property
    def url(self) -> str:
        return f"ssh://root@{self.address}"

    def start(self) -> None:
        self.start_sshd()
        self.start_engine()

    def end(self) -> None:
        self.namespace.end()

    # SSH
    @property
    def host_key(self) -> str:
        """Type and base64, as known_hosts has them after the address."""
        return " ".join((self.directory / "ssh" / "host.pub").read_text().split()[:2])

    @property
    def fingerprint(self) -> str:
        """``SHA256:...``"""
        shown = subprocess.run(["ssh-keygen", "-lf", self.directory / "ssh" / "host.pub"], capture_output=True, text=True, check=True)
        return shown.stdout.split()[1]

    def new_host_key(self) -> None:
        """Takes effect with the next ``start_sshd``."""
        key = self.directory / "ssh" / "host"
        for old in (key, key.with_suffix(".pub")):
            old.unlink(missing_ok=True)
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", self.name, "-f", str(key)], check=True)

    def start_sshd(self, *, passwords: bool = False) -> None:
        """With ``passwords`` it asks for one instead of a key. Its limits are those that every new installation has."""
        server = shutil.which("sshd", path=f"{os.environ['PATH']}:{PROGRAMS}")
        assert server, "the rig needs sshd: apt-get install openssh-server"
        answers = {True: "yes", False: "no"}
        configuration = _SSHD.format(
            directory=self.directory,
            authorized=self._authorized,
            keys=answers[not passwords],
            passwords=answers[passwords],
            path=f"/run/rig/bin:{PROGRAMS}",
        )
        (self.directory / "ssh" / "sshd_config").write_text(configuration)
        self.namespace.run(server, "-f", f"{self.directory}/ssh/sshd_config", "-E", f"{self.directory}/sshd.log")
        self._wait(lambda: self._names("sshd"), "sshd")

    def stop_sshd(self) -> None:
        """The server and every session; the engine goes on."""
        self._kill("sshd", 15)

    # the engine
    def start_engine(self, directory: str = "/var/lib/docker") -> None:
        """containerd is a service of its own, as Debian has it: containers live on when dockerd dies."""
        self._configure(directory)
        if not self._names("containerd"):
            self._spawn("containerd", "--config", f"{self.directory}/containerd.toml")
            self._wait(lambda: (self.namespace.root / "run/containerd/containerd.sock").exists(), "containerd")
        self.namespace.run("rm", "-f", "/run/docker.pid")
        self._spawn("dockerd", "--config-file", f"{self.directory}/daemon.json")
        self._wait(self._engine_answers, "dockerd")

    def stop_engine(self) -> None:
        """Both services, in order; containers are stopped with it."""
        self._kill("dockerd", 15)
        self._kill("containerd", 15)

    def kill_engine(self) -> None:
        """dockerd alone, by SIGKILL: its containers go on."""
        self._kill("dockerd", 9)

    def _configure(self, directory: str) -> None:
        state = {"root": f"{self.directory}/containerd", "state": "/run/containerd", "disabled_plugins": ["io.containerd.grpc.v1.cri"]}
        lines = ["version = 2", *(f"{name} = {json.dumps(value)}" for name, value in state.items())]
        (self.directory / "containerd.toml").write_text("\n".join(lines) + "\n")
        daemon = {
            "data-root": directory,
            "exec-root": "/run/docker",
            "pidfile": "/run/docker.pid",
            "hosts": ["unix:///run/docker.sock"],
            "containerd": "/run/containerd/containerd.sock",
            "cgroup-parent": self.cgroup,
            "exec-opts": ["native.cgroupdriver=cgroupfs"],
            "storage-driver": "overlay2",
        }
        (self.directory / "daemon.json").write_text(json.dumps(daemon, indent=2))

    def _engine_answers(self) -> bool:
        try:
            return bool(self.engine.get("/version"))
        except EngineUnavailable:
            return False

    # processes: by pid, as its own namespace numbers them, so that none but its own can be meant
    def _spawn(self, *command: str) -> None:
        script = 'log=$1; shift; "$@" >>"$log" 2>&1 </dev/null &'
        self.namespace.shell(script, f"{self.directory}/{command[0]}.log", *command)

    def _names(self, program: str) -> list[str]:
        """Pids of the processes of that name, sshd's sessions too."""
        found = []
        for entry in (self.namespace.root / "proc").glob("[0-9]*/comm"):
            with suppress(OSError):
                if entry.read_text().strip() in (program, f"{program}-session"):
                    found.append(entry.parent.name)
        return found

    def _kill(self, program: str, number: int) -> None:
        if pids := self._names(program):
            self.namespace.run("kill", f"-{number}", *pids, check=False)
        self._wait(lambda: not self._names(program), f"the end of {program}")

    def _wait(self, true: Callable[[], object], what: str) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not true():
            assert time.monotonic() < deadline, f"{self.name}: {what} did not come in {START_SECONDS} s; see {self.directory}/*.log"
            time.sleep(0.05)


_SSHD = """\
HostKey {directory}/ssh/host
AuthorizedKeysFile {authorized}
PidFile /run/sshd.pid
StrictModes no
PermitRootLogin yes
PubkeyAuthentication {keys}
PasswordAuthentication {passwords}
KbdInteractiveAuthentication {passwords}
UsePAM yes
PrintMotd no
SetEnv PATH={path}
Subsystem sftp internal-sftp
"""
