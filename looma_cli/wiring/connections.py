"""The connections of one command: one to each host that it needs, shared by all that has to do with that host."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from looma_cli.adapters.ssh import SshConnection
    from looma_cli.model.host import Host


class Connections:
    """``record`` finds a host in the state by its name (raises NotFound). Each connection is opened when it is first used."""

    def __init__(self, record: Callable[[str], Host]) -> None:
        self._record = record
        self._made: dict[str, SshConnection] = {}
        self._making = threading.Lock()

    def to(self, host: str) -> SshConnection:
        """Raises NotFound."""
        from looma_cli.adapters.ssh import SshConnection

        with self._making:
            if host not in self._made:
                found = self._record(host)
                self._made[host] = SshConnection(found.url, found.host_key, host)
            return self._made[host]

    def close(self) -> None:
        """Idempotent. Who goes on to use a connection opens it anew: so do both sides of a fork."""
        with self._making:
            for connection in self._made.values():
                connection.close()
