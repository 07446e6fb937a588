"""The directory on the new host where the relay's container finds the sockets: on this machine, or on another over SSH."""

from __future__ import annotations

import os
import shlex
import shutil
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from looma_cli.adapters.relay.splice import Splice
from looma_cli.errors import CommandFailed

BASE = "/tmp"  # a socket's path has room for 107 bytes (unix(7))
# A directory of ours alone: whoever else made one of that name would hear what passes. Says "new" for one that it has made.
_MAKE = 'umask 077; mkdir -- {path} 2>/dev/null && echo new; test -d {path} -a -O {path} -a ! -L {path} && chmod 700 {path}'


class Place(Protocol):
    """``lead`` maps sockets' names in a directory to endpoints of this machine. Raises HostUnreachable, CommandFailed."""

    def lead(self, folder: str, sockets: Mapping[str, str]) -> bool:
        """Every socket leads to its endpoint for as long as this process lives; whether the directory is a new one."""
        ...

    def still(self, folder: str, names: Sequence[str]) -> bool:
        """Whether this process has made them lead somewhere, and they do."""
        ...

    def remove(self, folder: str, names: Sequence[str]) -> None:
        """Idempotent."""
        ...


class Connection(Protocol):
    """What is needed of a connection to a host (see SshConnection)."""

    name: str

    def open(self) -> object: ...
    def run(self, command: str, input: bytes = b"", *, timeout_seconds: float = 60.0) -> tuple[int, bytes, str]: ...
    def publish(self, remote_socket: str, local_socket: str) -> None: ...
    def unpublish(self, remote_sockets: Sequence[str]) -> None: ...


class LocalPlace:
    """On this machine."""

    def __init__(self) -> None:
        self._splices: dict[str, Splice] = {}

    def lead(self, folder: str, sockets: Mapping[str, str]) -> bool:
        new = _own_directory(folder)
        for name, endpoint in sockets.items():
            self._close(f"{folder}/{name}")
            self._splices[f"{folder}/{name}"] = Splice(f"{folder}/{name}", endpoint)
        return new

    def still(self, folder: str, names: Sequence[str]) -> bool:
        paths = [f"{folder}/{name}" for name in names]
        return all(path in self._splices and os.path.exists(path) for path in paths)

    def remove(self, folder: str, names: Sequence[str]) -> None:
        for name in names:
            self._close(f"{folder}/{name}")
        if os.path.isdir(folder) and not os.path.islink(folder) and os.stat(folder).st_uid == os.geteuid():
            shutil.rmtree(folder, ignore_errors=True)

    def close(self) -> None:
        """Its sockets lead nowhere any more; they end with this process anyhow. Idempotent."""
        for path in list(self._splices):
            self._close(path)

    def _close(self, path: str) -> None:
        if splice := self._splices.pop(path, None):
            splice.close()


def _own_directory(folder: str) -> bool:
    path = Path(folder)
    new = not path.exists()
    path.mkdir(mode=0o700, exist_ok=True)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise _not_ours(folder, "this machine")
    path.chmod(0o700)
    return new


class RemotePlace:
    """On another host: sshd makes the sockets there."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._led: set[str] = set()

    def lead(self, folder: str, sockets: Mapping[str, str]) -> bool:
        code, output, _ = self._connection.run(_MAKE.format(path=shlex.quote(folder)))
        if code:
            raise _not_ours(folder, f"host {self._connection.name}")
        for name, endpoint in sockets.items():
            self._connection.publish(f"{folder}/{name}", endpoint)
            self._led.add(f"{folder}/{name}")
        return output.strip() == b"new"

    def still(self, folder: str, names: Sequence[str]) -> bool:
        """A connection that broke is made anew, sockets and all."""
        if not all(f"{folder}/{name}" in self._led for name in names):
            return False
        self._connection.open()
        return True

    def remove(self, folder: str, names: Sequence[str]) -> None:
        paths = [f"{folder}/{name}" for name in names]
        self._led.difference_update(paths)
        self._connection.unpublish(paths)
        self._connection.run(f"test ! -O {shlex.quote(folder)} || rm -rf -- {shlex.quote(folder)}")


def _not_ours(folder: str, where: str) -> CommandFailed:
    return CommandFailed(f"{folder} on {where} is somebody else's, or cannot be made", f"look who made {folder} there, and remove it")
