"""A way from one host's containers to another host's, for as long as one datastore follows another."""

from __future__ import annotations

from typing import Protocol

from looma_cli.model.relay import RelayLine


class Relay(Protocol):
    """Between two hosts, through this machine: nothing of what passes is kept here. Raises Unreachable, ImageUnavailable, CommandFailed.

    Connections live no longer than this process; what stands on the host for them stays until ``remove``, and leads nowhere meanwhile.
    """

    def ensure(self, line: RelayLine) -> None:
        """Containers on the line's network reach the leader's ports under its container's name. Idempotent, and quick for a line that
        this process has opened."""
        ...

    def remove(self, line: RelayLine) -> None:
        """Nothing of the line is left on either host. Idempotent; of the line only layer and store are looked at."""
        ...
