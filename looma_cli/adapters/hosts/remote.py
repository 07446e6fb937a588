"""Another machine, over SSH: asked with a POSIX shell and the kernel's own files, nothing has to be installed there."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from looma_cli.adapters.hosts.tables import TABLES, ByteOrder, in_order, listening, memory
from looma_cli.errors import CommandFailed
from looma_cli.model.host import Listener

ASK_SECONDS = 30.0
_PART = "== "
# Whether the first byte of a 16-bit word is the low one; then each table with its name before it.
_LISTENERS = "; ".join(
    ("printf '\\001\\000' | od -An -tu2", *(f"echo '{_PART}{name}'; cat /proc/net/{name} 2>/dev/null" for name, _, _ in TABLES), "true")
)
_FREE = 'p={path}; until test -e "$p"; do p=$(dirname -- "$p"); done; df -Pk -- "$p"'
_QUESTIONS = {
    "cpus": "nproc 2>/dev/null || getconf _NPROCESSORS_ONLN",
    "memory": "cat /proc/meminfo",
    "disk": "df -Pk /",
    "kernel": "uname -r",
    "hostname": "uname -n",
    "time": "date -u +%Y-%m-%dT%H:%M:%SZ",
}
_DESCRIBE = "; ".join(f"echo '{_PART}{name}'; {question}" for name, question in _QUESTIONS.items())


class Connection(Protocol):
    """What is needed of a connection to a host (see SshConnection)."""

    name: str

    def run(self, command: str, input: bytes = b"", *, timeout_seconds: float = 60.0) -> tuple[int, bytes, str]: ...
    def forward(self, pairs: Sequence[tuple[str, int]]) -> dict[tuple[str, int], str]: ...


class RemoteHost:
    """Implements ``HostAccess`` over a connection. Each question is one command there. Raises HostUnreachable; CommandFailed where the
    answer is not one of a Linux machine."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def listeners(self) -> list[Listener]:
        """Every listening TCP and bound UDP socket, of all users."""
        answer = self._ask(_LISTENERS)
        order: ByteOrder = "little" if answer.partition("\n")[0].split() == ["1"] else "big"
        parts = _parts(answer)
        found = (pair for name, protocol, state in TABLES for pair in listening(parts.get(name, [])[1:], protocol, state, order))
        return sorted({listener for listener, _ in found}, key=in_order)

    def reachable(self, address: str, port: int) -> tuple[str, int]:
        """(path of a unix socket, port): connections to it arrive there."""
        return self.reach_all([(address, port)])[address, port]

    def reach_all(self, pairs: Sequence[tuple[str, int]]) -> dict[tuple[str, int], tuple[str, int]]:
        """All in one go."""
        paths = self._connection.forward(pairs)
        return {pair: (paths[pair], pair[1]) for pair in pairs}

    def free_disk_bytes(self, path: str) -> int:
        """What an unprivileged user may still write there; of the nearest parent where the path does not exist yet."""
        return self._disk(self._ask(_FREE.format(path=shlex.quote(path))).splitlines())[1]

    def describe(self) -> dict[str, Any]:
        parts = _parts(self._ask(_DESCRIBE))
        try:
            sizes = memory(parts["memory"])
            return {
                "cpus": int(parts["cpus"][0]),
                "memory_bytes": sizes["MemTotal"],
                "memory_available_bytes": sizes["MemAvailable"],
                "disk_bytes": self._disk(parts["disk"])[0],
                "kernel": parts["kernel"][0],
                "hostname": parts["hostname"][0],
                "time": parts["time"][0],
            }
        except (KeyError, IndexError, ValueError) as error:
            raise self._not_linux() from error

    def _disk(self, lines: Sequence[str]) -> tuple[int, int]:
        """(size, free) in bytes from ``df -Pk`` (POSIX, "df": 1024-byte units; the mount point may have blanks)."""
        try:
            fields = lines[-1].split()
            return int(fields[1]) * 1024, int(fields[3]) * 1024
        except (IndexError, ValueError) as error:
            raise self._not_linux() from error

    def _ask(self, command: str) -> str:
        code, output, errors = self._connection.run(command, timeout_seconds=ASK_SECONDS)
        if code:
            last = errors.strip().splitlines()[-1:] or [f"exit code {code}"]
            raise CommandFailed(f"host {self._connection.name} did not answer a question: {last[0]}", "hosts are Linux machines")
        return output.decode("utf-8", errors="replace")

    def _not_linux(self) -> CommandFailed:
        return CommandFailed(f"host {self._connection.name} does not describe itself as a Linux machine", "hosts are Linux machines")


def _parts(answer: str) -> dict[str, list[str]]:
    """The lines of each part, by its name."""
    return dict(_split(answer))


def _split(answer: str) -> Iterator[tuple[str, list[str]]]:
    for part in f"\n{answer}".split(f"\n{_PART}")[1:]:
        name, _, rest = part.partition("\n")
        yield name, rest.splitlines()
