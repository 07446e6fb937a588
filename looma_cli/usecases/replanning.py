"""Once more, when the engine says that a port or subnet is taken after all. Rule: the contract's "Ports"."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from looma_cli.errors import PortTaken, SubnetTaken
from looma_cli.model.operation import Plan
from looma_cli.plan.reallocate import Refused
from looma_cli.usecases.context import Context

ATTEMPTS = 4
QUARANTINE = timedelta(hours=1)


def replanning(context: Context, host: str, attempt: Callable[[Refused], Plan | None], keep: int | None = None) -> Plan | None:
    """Run ``attempt`` with what the engine refused so far; note each refusal in the state, so that the next plan goes around it.

    Raises what the last attempt raises; at once where the port ``keep`` is refused, which a tenant keeps for life.
    """
    refused: Refused = ()
    while True:
        try:
            return attempt(refused)
        except (PortTaken, SubnetTaken) as error:
            if len(refused) == ATTEMPTS - 1 or error.details.get("port") == keep is not None:
                raise
            _note(context, host, error)
            refused = (*refused, error)


def _note(context: Context, host: str, error: PortTaken | SubnetTaken) -> None:
    context.reporter.note(f"{error.message}; planning once more")
    port = error.details.get("port")
    if port is None:
        return
    with context.world.store.write() as state:
        if port in state.edge_ports(host).values() and not context.world.edge(host).running():
            state.save_edge_ports(host, {})
        until = state.now() + QUARANTINE
        state.quarantine(host, error.details.get("address", "0.0.0.0"), port, error.details.get("protocol", "tcp"), until)
