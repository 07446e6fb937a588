"""Short runs of ssh: commands over a connection, and what is said to its master."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from looma_cli.adapters.children import end, spawn
from looma_cli.adapters.ssh.failures import INSTALL_HINT
from looma_cli.adapters.ssh.master import one_line
from looma_cli.errors import HostUnreachable

SSH_FAILED = 255
# What ssh says when it finds no master, or one that does not open a session any more: the command has not begun.
_NOT_BEGUN = re.compile(rb"mux_client_request_session: session request failed|mux_client_hello_exchange|Control socket connect")


@dataclass(frozen=True, slots=True)
class Ended:
    """How an ssh ended. ``begun`` is False where its command did not run at all."""

    code: int
    output: bytes
    errors: bytes

    @property
    def begun(self) -> bool:
        return self.code != SSH_FAILED or _NOT_BEGUN.search(self.errors) is None

    @property
    def lines(self) -> list[str]:
        """What it said besides its output."""
        return [line for line in map(one_line, self.errors.splitlines()) if line]


def require_ssh(environment: Mapping[str, str]) -> None:
    """Raises HostUnreachable where OpenSSH's client is not installed."""
    if shutil.which("ssh", path=environment.get("PATH")) is None:
        raise HostUnreachable("ssh is not installed", INSTALL_HINT)


def run(arguments: Sequence[str], environment: Mapping[str, str], input: bytes, limit_seconds: float) -> Ended | None:
    """To its end; None where that did not come in time."""
    with spawn(arguments, environment, stdin=subprocess.PIPE) as process:
        try:
            output, errors = process.communicate(input, timeout=limit_seconds)
        except subprocess.TimeoutExpired:
            return None
        finally:
            end(process)
    return Ended(process.returncode, output, errors)
