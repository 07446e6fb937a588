"""Learning a host's key on the way that a connection takes, jump hosts included; it is shown to somebody who knows, not trusted."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping

from looma_cli.adapters.children import end, spawn
from looma_cli.adapters.ssh import arguments, failures
from looma_cli.adapters.ssh.directory import MARK, PrivateDirectory
from looma_cli.adapters.ssh.master import one_line
from looma_cli.adapters.ssh.program import require_ssh
from looma_cli.model.host import HostKey
from looma_cli.model.ssh import SshAddress, public_key, ssh_address

SCAN_SECONDS = 25.0  # two handshakes, where there is a jump host


def scan(url: str, environment: Mapping[str, str] | None = None) -> HostKey:
    """The key that the machine at ``ssh://[user@]name[:port]`` shows, Ed25519 where it has one. Raises InvalidValue, HostUnreachable."""
    environment = os.environ if environment is None else environment
    address = ssh_address(url)
    require_ssh(environment)
    directory = PrivateDirectory(environment)
    try:
        words = _ask(address, directory, environment)
        known = directory.path / arguments.KNOWN_HOSTS
        lines = known.read_text(encoding="ascii", errors="replace").splitlines() if known.exists() else []
    finally:
        directory.remove()
    for line in lines:
        return public_key(line.partition(" ")[2])
    raise failures.unreachable(address.name, address.destination, words, f"no answer within {SCAN_SECONDS:.0f} s")


def _ask(address: SshAddress, directory: PrivateDirectory, environment: Mapping[str, str]) -> list[str]:
    """ssh's words; that nobody is let in is as it should be."""
    marked = {**environment, MARK: str(directory.path)}
    with spawn(arguments.scanning(address, directory.path), marked, stdin=subprocess.DEVNULL) as process:
        try:
            _, errors = process.communicate(timeout=SCAN_SECONDS)
        except subprocess.TimeoutExpired:
            return []
        finally:
            end(process)
    return [line for line in map(one_line, errors.splitlines()) if line]
