"""A tenant's move to another host."""

from __future__ import annotations

from dataclasses import dataclass

MOVE = "tenant.move"


@dataclass(frozen=True, slots=True)
class MoveRequest:
    """``safety`` takes a backup first. ``new_public_port`` takes another public port where the tenant's
    own is taken on the new host. ``forward``: the old host's edge passes requests on until the old layers' time is over."""

    tenant: str
    host: str
    keep_seconds: float = 3600.0
    safety: bool = True
    new_public_port: bool = False
    forward: bool = True
