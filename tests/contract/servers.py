"""Real servers for repositories: an sshd with keys of its own, and SeaweedFS for S3. Both on loopback ports, both ended with the tests."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

START_SECONDS = 60
ACCESS_KEY, SECRET_KEY = "AKLOOMATEST", "a-secret-of-the-tests"


def free_port(*, also: int = 0) -> int:
    """One that is free, and the one ``also`` above it."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port = first.getsockname()[1]
            try:
                second.bind(("127.0.0.1", port + also if also else 0))
            except (OSError, OverflowError):
                continue
            return port


def wait_until(true: Callable[[], object], seconds: float = START_SECONDS, *, what: str = "it") -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"{what} did not come in {seconds} s"
        time.sleep(0.05)


def answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


@contextmanager
def program(command: list[str], log: Path, **options: object) -> Iterator[subprocess.Popen[bytes]]:
    """Runs for the length of the block."""
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, stdin=subprocess.DEVNULL, **options)  # type: ignore[call-overload]
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(2)  # SeaweedFS would take half a minute
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@dataclass(frozen=True)
class Sshd:
    """``bin`` is a folder for PATH whose ssh is the real one with the tests' own settings: looma and restic know nothing of them."""

    port: int
    user: str
    bin: Path

    def location(self, directory: Path) -> str:
        return f"sftp://{self.user}@127.0.0.1:{self.port}/{directory}"


@contextmanager
def sshd(folder: Path) -> Iterator[Sshd]:
    port = free_port()
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True)
    (folder / "authorized_keys").write_bytes((folder / "user.pub").read_bytes())
    (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {(folder / 'host.pub').read_text()}")
    pam = "yes" if os.geteuid() == 0 else "no"  # without it a root account that has no password counts as locked
    (folder / "sshd_config").write_text(_SSHD.format(port=port, folder=folder, pam=pam))
    (folder / "ssh_config").write_text(_SSH.format(folder=folder))
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # sshd's privilege separation wants it; a service makes it, we have none
    server = shutil.which("sshd", path=os.environ["PATH"] + ":/usr/sbin")
    assert server, "these tests need sshd: apt-get install openssh-server"
    with program([server, "-D", "-e", "-f", str(folder / "sshd_config")], folder / "sshd.log"):
        wait_until(lambda: answers(port), what="sshd")
        yield Sshd(port, pwd.getpwuid(os.geteuid()).pw_name, _wrapper(folder))


def _wrapper(folder: Path) -> Path:
    (folder / "bin").mkdir()
    script = folder / "bin" / "ssh"
    script.write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -F {folder}/ssh_config "$@"\n')
    script.chmod(0o755)
    return script.parent


_SSHD = """\
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host
AuthorizedKeysFile {folder}/authorized_keys
PidFile none
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM {pam}
MaxStartups 100
MaxSessions 100
Subsystem sftp internal-sftp
"""

_SSH = """\
IdentityFile {folder}/user
IdentitiesOnly yes
UserKnownHostsFile {folder}/known_hosts
StrictHostKeyChecking yes
"""


@dataclass(frozen=True)
class S3:
    port: int
    filer: int  # the same files by plain HTTP, for damaging them

    environment = {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY}  # noqa: RUF012 - shared on purpose

    def location(self, name: str) -> str:
        return f"s3:http://127.0.0.1:{self.port}/looma/{name}"

    def files(self, path: str) -> list[tuple[str, int]]:
        """Paths and sizes of the files below a folder such as ``name/data``."""
        request = urllib.request.Request(self._url(path) + "/?limit=1000", headers={"Accept": "application/json"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            entries = json.load(answer).get("Entries") or []
        found: list[tuple[str, int]] = []
        for entry in entries:
            below = f"{path}/{entry['FullPath'].rpartition('/')[2]}"
            is_folder = entry["Mode"] & (1 << 31)
            found += self.files(below) if is_folder else [(below, entry["FileSize"])]
        return found

    def read(self, path: str) -> bytes:
        with urllib.request.urlopen(self._url(path), timeout=10) as answer:
            return answer.read()

    def write(self, path: str, content: bytes) -> None:
        urllib.request.urlopen(urllib.request.Request(self._url(path), content, method="PUT"), timeout=10).close()

    def _url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.filer}/buckets/looma/{path}"


@contextmanager
def seaweedfs(folder: Path, weed: str) -> Iterator[S3]:
    """Its gRPC ports are 10000 above the others."""
    identity = {"name": "looma", "credentials": [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}], "actions": ["Admin"]}
    (folder / "s3.json").write_text(json.dumps({"identities": [identity]}))
    (folder / "data").mkdir()
    master, volume, filer, port = (free_port(also=10000) for _ in range(4))
    command = [weed, "server", f"-dir={folder}/data", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-master.port={master}"]
    command += [f"-volume.port={volume}", "-filer", f"-filer.port={filer}", "-s3", f"-s3.port={port}", f"-s3.config={folder}/s3.json"]
    command += ["-master.volumeSizeLimitMB=64", "-volume.max=20", "-master.telemetry=false", "-s3.port.iceberg=0", "-s3.port.lance=0"]
    with program(command, folder / "weed.log", cwd=folder):
        wait_until(lambda: answers(port) and answers(filer), what="SeaweedFS")
        yield S3(port, filer)
