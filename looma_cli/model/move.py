"""A tenant's move to another host."""

from __future__ import annotations

from dataclasses import dataclass

from looma_cli.model.backup import Backup
from looma_cli.model.tenant import Tenant

MOVE = "tenant.move"
EVACUATE = "host.evacuate"


@dataclass(frozen=True, slots=True)
class MoveRequest:
    """``host`` None: placement chooses. ``safety`` takes a backup first. ``new_public_port`` takes another public port where the tenant's
    own is taken on the new host. ``forward``: the old host's edge passes requests on until the old layers' time is over."""

    tenant: str
    host: str | None
    keep_seconds: float = 3600.0
    safety: bool = True
    new_public_port: bool = False
    forward: bool = True


@dataclass(frozen=True, slots=True)
class Leaving:
    """A tenant that is to leave a host. ``operation`` is its interrupted move away from there; ``backup`` the set that it comes back from,
    where the host is gone."""

    tenant: Tenant
    operation: str | None = None
    backup: Backup | None = None

    @property
    def name(self) -> str:
        return self.tenant.name


@dataclass(frozen=True, slots=True)
class Staying:
    tenant: Tenant
    reason: str


@dataclass(frozen=True, slots=True)
class DrainPlan:
    """``to`` None: placement chooses for each."""

    host: str
    to: str | None
    members: tuple[Leaving, ...]
    left_out: tuple[Staying, ...] = ()
