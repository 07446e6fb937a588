"""Real sshds on loopback ports, as ordinary processes: stopped, started again, given another key; and an ssh that has their settings."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from tests.contract.servers import answers, free_port, wait_until

USER = pwd.getpwuid(os.geteuid()).pw_name
_SETTINGS = """\
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host
AuthorizedKeysFile {authorized}
PidFile none
StrictModes no
KbdInteractiveAuthentication no
UsePAM {pam}
{more}
"""


def new_key(path: Path, kind: str = "ed25519") -> str:
    """Makes a pair of keys; the public one, without its comment."""
    for old in (path, path.with_suffix(".pub")):
        old.unlink(missing_ok=True)
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", str(path)], check=True)
    return " ".join(path.with_suffix(".pub").read_text().split()[:2])


def fingerprint(path: Path) -> str:
    """As ssh-keygen sees it."""
    return subprocess.run(["ssh-keygen", "-l", "-f", str(path)], check=True, capture_output=True, text=True).stdout.split()[1]


class Sshd:
    """One server. It lets ``user_key`` in, and nobody without one."""

    def __init__(self, folder: Path, user_key: Path, more: str = "PasswordAuthentication no") -> None:
        folder.mkdir()
        self.folder = folder
        self.port = free_port()
        self.host_key = new_key(folder / "host")
        self._user_key, self._more = user_key, more
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def url(self) -> str:
        return f"ssh://{USER}@127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    def start(self) -> None:
        pam = "yes" if os.geteuid() == 0 else "no"  # without it a root account that has no password counts as locked
        authorized = self._user_key.with_suffix(".pub")
        settings = _SETTINGS.format(port=self.port, folder=self.folder, authorized=authorized, pam=pam, more=self._more)
        (self.folder / "sshd_config").write_text(settings)
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # for its separation of privileges; a service makes it, we have none
        server = shutil.which("sshd", path=os.environ["PATH"] + ":/usr/sbin")
        assert server, "these tests need sshd: apt-get install openssh-server"
        with (self.folder / "log").open("ab") as log:
            command = [server, "-D", "-e", "-f", str(self.folder / "sshd_config")]
            self._process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        wait_until(lambda: answers(self.port), what="sshd")

    def stop(self) -> None:
        """With all its connections, as when its machine goes."""
        if self._process is None:
            return
        own = self.connections()
        self._process.kill()
        self._process.wait()
        for pid in own:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process = None

    def connections(self) -> list[int]:
        """Processes, one or two for each connection."""
        assert self._process is not None
        found: list[int] = []
        parents = [self._process.pid]
        while parents:
            parents = [pid for parent in parents for pid in _children(parent) if _name(pid) == "sshd"]
            found += parents
        return found


def _children(pid: int) -> list[int]:
    with suppress(OSError):
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def _name(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text().strip()
    return ""


class Client:
    """A user with a key, an ssh_config and a directory for sockets. ``environment`` leads to an ssh that is the real one with that
    configuration: looma itself knows nothing of it."""

    def __init__(self, folder: Path, sockets: Path) -> None:
        folder.mkdir()
        self.folder, self.sockets = folder, sockets
        self.key = folder / "user"
        new_key(self.key)
        self.configure("")
        (folder / "bin").mkdir()
        wrapper = folder / "bin" / "ssh"
        wrapper.write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -F {folder}/ssh_config "$@"\n')
        wrapper.chmod(0o755)

    def configure(self, more: str) -> None:
        own = f"IdentityFile {self.key}\nIdentitiesOnly yes\nUserKnownHostsFile {self.folder}/known_hosts\nStrictHostKeyChecking yes\n"
        (self.folder / "ssh_config").write_text(f"{more}\nHost *\n{own}")

    def trust(self, server: Sshd) -> None:
        """As after a log-in by hand."""
        with (self.folder / "known_hosts").open("a") as known:
            known.write(f"[127.0.0.1]:{server.port} {server.host_key}\n")

    @property
    def environment(self) -> Mapping[str, str]:
        kept = {name: value for name, value in os.environ.items() if name not in ("XDG_RUNTIME_DIR", "SSH_AUTH_SOCK")}
        return {**kept, "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}", "TMPDIR": str(self.sockets)}

    def directories(self) -> list[Path]:
        """Of connections that are open, or were left behind."""
        return sorted(self.sockets.glob("looma-ssh-*"))
