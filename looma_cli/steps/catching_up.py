"""Whether a datastore has come to where another stands, and is then what that one is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from looma_cli.errors import ReplicationFailed, Unhealthy
from looma_cli.model.protocols import Datastore
from looma_cli.model.world import World
from looma_cli.steps.datastores import KEPT_DIFFERENCES

POLL_SECONDS = 0.05


def await_position(world: World, follower: Datastore, position: Mapping[str, str], seconds: float, store: str) -> None:
    """Raises Unhealthy after so long, ReplicationFailed at once where waiting cannot help."""
    deadline = world.clock.now().timestamp() + seconds
    while not follower.reached(position):
        if world.clock.now().timestamp() > deadline:
            raise Unhealthy(f"{store} lags behind its leader after {seconds:.0f} s", "try again when less is written")
        world.clock.sleep(POLL_SECONDS)


def refuse_different(store: str, different: Sequence[str]) -> None:
    """Raises ReplicationFailed."""
    if different:
        more = f" (and {len(different) - KEPT_DIFFERENCES} more)" if len(different) > KEPT_DIFFERENCES else ""
        raise ReplicationFailed(
            f"{store} is not what its leader is: {'; '.join(different[:KEPT_DIFFERENCES])}{more}",
            "try again; if it happens again, looma backup create and looma backup verify show which of the two is right",
            differences=list(different),
        )
